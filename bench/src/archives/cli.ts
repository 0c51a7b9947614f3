#!/usr/bin/env node
import { ProofClient, startNetwork, waitUntil, type Network } from 'test-network'
import { watchMemory } from '../service-usage.ts'
import { median, significant } from '../statistics.ts'
import { seedPosts } from '../workloads/posts.ts'
import { openRows, openSink } from './block-rows.ts'
import { download, upload, type Transfer } from './transfer.ts'

/** Measures export and import of repos next to what the database and the disk take for the same blocks; see bench/README.md. */
const storage = process.argv.includes('--postgres') ? 'postgres' : 'sqlite'
const named = process.argv
  .slice(2)
  .filter((arg) => /^\d+$/.test(arg))
  .map(Number)
const sizes = named.length > 0 ? named : [10_000, 50_000]
const ROUNDS = 3
const CAR = 'application/vnd.ipld.car'

const network = await startNetwork({
  enrolled: true,
  storage,
  serviceEnv: {
    STRATOS_WRITE_RATE_MAX_WRITES: '1000000',
    STRATOS_WRITE_RATE_WINDOW_MS: '100',
    STRATOS_STUBS: 'off',
    STRATOS_LOG_LEVEL: 'warn',
  },
})
try {
  for (const [index, records] of sizes.entries())
    process.stdout.write(`${JSON.stringify(await measure(network, index, records))}\n`)
} finally {
  await network.close()
}

async function measure(network: Network, index: number, records: number) {
  const account = network.accounts[index]
  if (account === undefined) throw new Error('there are not so many accounts')
  const { did } = account
  const say = (text: string) => process.stderr.write(`${text}\n`)
  const signIn = async () => ProofClient.signIn(network, account)
  const client = await signIn()
  say(`writing ${records} records …`)
  await seedPosts({ serviceDid: network.serviceDid, users: [] }, { did, client }, records)

  const rows = await openRows(network, did)
  const exports: { oursMs: number; floorMs: number; growthMiB: number }[] = []
  let archive: Transfer | null = null
  try {
    for (let round = 0; round <= ROUNDS; round++) {
      const floor = await download(rows.url, null)
      const ours = await watchMemory(network.service.pid, () =>
        download(client.url('zone.stratos.sync.getRepo', { did }), client),
      )
      archive = ours.result
      // The first is for warming up.
      if (round > 0) exports.push({ oursMs: archive.ms, floorMs: floor.ms, growthMiB: ours.growthMiB })
    }
  } finally {
    rows.close()
  }
  say(`exports: ${JSON.stringify(exports)}`)
  if (archive === null) throw new Error('nothing was exported')

  const imports: { oursMs: number; floorMs: number; growthMiB: number }[] = []
  for (let round = 0; round < ROUNDS; round++) {
    await (await signIn()).call('POST', 'zone.stratos.enrollment.unenroll', { body: {} })
    account.enrolled = false
    // Until everything of before is removed, nobody may come back.
    const isBack = () =>
      network.enroll(account).then(
        () => true,
        () => false,
      )
    await waitUntil('enrolling again', isBack, 120_000)
    const sink = await openSink(network, did)
    // The first is for warming up, as the service is warm.
    await upload(sink.url, null, archive.bytes, CAR)
    const { ms: floorMs } = await upload(sink.url, null, archive.bytes, CAR)
    sink.close()
    const again = await signIn()
    await again.call('GET', 'zone.stratos.server.listDomains')
    const { bytes } = archive
    const ours = await watchMemory(network.service.pid, () =>
      upload(again.url('zone.stratos.repo.importRepo'), again, bytes, CAR),
    )
    imports.push({ oursMs: ours.result.ms, floorMs, growthMiB: ours.growthMiB })
  }
  say(`imports: ${JSON.stringify(imports)}`)
  const most = (of: readonly { growthMiB: number }[]) =>
    significant(Math.max(...of.map(({ growthMiB }) => growthMiB)))
  const oursMs = (of: readonly { oursMs: number }[]) => median(of.map((one) => one.oursMs))
  return {
    storage,
    records,
    archiveMiB: significant(archive.bytes.length / 2 ** 20),
    export: {
      recordsPerSecond: Math.round((records / oursMs(exports)) * 1000),
      speedOfFloor: significant(median(exports.map((one) => one.floorMs / one.oursMs))),
      growthMiB: most(exports),
    },
    import: {
      recordsPerSecond: Math.round((records / oursMs(imports)) * 1000),
      timesFloor: significant(median(imports.map((one) => one.oursMs / one.floorMs))),
      growthMiB: most(imports),
    },
  }
}
