import type { Network } from './network.ts'

/** What a program that started the network needs to use it, as one line of JSON. */
export function formatReadyLine(network: Network): string {
  const { plcUrl, pdsUrl, serviceUrl, serviceDid, webappUrl, adminPassword, postgresUrl } = network
  const accounts = network.accounts.map(({ handle, did, password, email, enrolled, boundaries }) => ({
    handle,
    did,
    password,
    email,
    enrolled,
    boundaries,
  }))
  return JSON.stringify({
    plcUrl,
    pdsUrl,
    serviceUrl,
    serviceDid,
    webappUrl,
    indexerUrl: network.indexer?.url ?? null,
    adminPassword,
    postgresUrl,
    accounts,
  })
}
