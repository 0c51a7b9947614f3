import type { Network } from './network.ts'

/** What a person needs to use the network: addresses, accounts and where to begin. */
export function formatBanner(network: Network): string {
  const addresses = [
    ['web app', network.webappUrl ?? '(not started)'],
    ['service', network.serviceUrl],
    ['', network.serviceDid],
    ['indexer', network.indexer?.url ?? '(not started)'],
    ['PDS', network.pdsUrl],
    ['PLC directory', network.plcUrl],
    ['admin password', network.adminPassword],
    ...(network.postgresUrl === null ? [] : [['Postgres', network.postgresUrl]]),
    ['service log', `${network.directory}/service/service.log`],
    ...(network.indexer === null ? [] : [['indexer log', `${network.directory}/indexer/indexer.log`]]),
  ]
  const accounts = network.accounts.map((account) => [
    account.handle,
    account.password,
    account.enrolled ? `enrolled: ${account.boundaries.map(bareName).join(', ')}` : 'not enrolled yet',
    account.did,
  ])
  const start =
    network.webappUrl === null
      ? 'The network is running.'
      : `Open ${network.webappUrl} and sign in as alice.test.`
  return [
    '',
    ...formatColumns(addresses),
    '',
    ...formatColumns([['account', 'password', 'state', 'DID'], ...accounts]),
    '',
    `  ${start} Ctrl-C stops everything.`,
    '',
  ].join('\n')
}

function bareName(boundary: string): string {
  return boundary.slice(boundary.indexOf('/') + 1)
}

function formatColumns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = []
  for (const row of rows) row.forEach((cell, at) => (widths[at] = Math.max(widths[at] ?? 0, cell.length)))
  return rows.map((row) => `  ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('   ')}`.trimEnd())
}
