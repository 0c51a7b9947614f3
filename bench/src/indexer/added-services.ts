import { setTimeout as pause } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { openDatabase, type DatabaseSettings } from 'stratos-indexer'
import { significant } from '../statistics.ts'
import { openIndexer } from './open-indexer.ts'
import { startEventServer } from './start-event-server.ts'

const IDLE_MS = 10_000
const KIB = 1024

/** What following one more service costs while nothing happens there: of memory that is in use, and of a processor's time. */
export async function measureAddedServices(
  settings: () => Promise<DatabaseSettings>,
  directory: string,
  services: number,
) {
  const servers = await Promise.all(Array.from({ length: services }, () => startEventServer(1)))
  try {
    const urls = servers.map(({ url }) => url)
    // Once for nothing: what is done only once should not count for the first.
    await idleWith(urls, await settings(), directory)
    const one = await idleWith(urls.slice(0, 1), await settings(), directory)
    const all = await idleWith(urls, await settings(), directory)
    const added = services - 1
    return {
      services,
      kibPerService: significant((all.usedBytes - one.usedBytes) / KIB / added),
      cpuMsPerMinute: significant((all.cpuMsPerMinute - one.cpuMsPerMinute) / added),
    }
  } finally {
    for (const { process } of servers) process.kill()
  }
}

async function idleWith(urls: readonly string[], database: DatabaseSettings, directory: string) {
  const beside = await openDatabase(database)
  const indexer = await openIndexer(urls, database, directory)
  try {
    const { db } = beside
    for (;;) {
      const cursors = await db.selectFrom('stratos_sync_cursor').select('seq').where('seq', '>=', 1).execute()
      if (cursors.length === urls.length) break
      await pause(20)
    }
    await pause(1_000)
    const before = process.cpuUsage()
    await pause(IDLE_MS)
    const { user, system } = process.cpuUsage(before)
    return { usedBytes: usedBytes(), cpuMsPerMinute: ((user + system) / 1_000) * (60_000 / IDLE_MS) }
  } finally {
    await indexer.close()
    await beside.close()
  }
}

/** After everything that nobody needs is gone. */
function usedBytes(): number {
  setFlagsFromString('--expose-gc')
  ;(runInNewContext('gc') as () => void)()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
