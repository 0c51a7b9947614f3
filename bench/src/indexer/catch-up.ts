import { setTimeout as pause } from 'node:timers/promises'
import { openDatabase, type Database, type DatabaseSettings } from 'stratos-indexer'
import { median, significant } from '../statistics.ts'
import { openIndexer } from './open-indexer.ts'
import { startEventServer } from './start-event-server.ts'

const ROUNDS = 3
/** As the indexer does by itself. */
const BATCH = 500
/** Rows per statement, likewise. */
const AT_ONCE = 400
const TABLES = ['stratos_record', 'stratos_record_boundary', 'stratos_post', 'stratos_post_boundary'] as const

type Settings = () => Promise<DatabaseSettings>
type Rows = Readonly<Record<(typeof TABLES)[number], readonly object[]>>

/** Reading a stream from its beginning, against inserting the same rows in transactions of the same sizes. */
export async function measureCatchUp(settings: Settings, directory: string, events: number) {
  const server = await startEventServer(events)
  try {
    const indexerMs: number[] = []
    const insertMs: number[] = []
    for (let round = 0; round < ROUNDS; round += 1) {
      const target = await settings()
      indexerMs.push(await index(server.url, target, directory, events))
      insertMs.push(await insert(await readRows(target), await settings(), events))
    }
    const [ours, bare] = [median(indexerMs), median(insertMs)]
    return {
      events,
      perSecond: Math.round(events / (ours / 1_000)),
      insertsPerSecond: Math.round(events / (bare / 1_000)),
      ratio: significant(ours / bare),
    }
  } finally {
    server.process.kill()
  }
}

async function index(
  url: string,
  database: DatabaseSettings,
  directory: string,
  events: number,
): Promise<number> {
  // The tables are there before: making them is no part of catching up.
  const beside = await openDatabase(database)
  const begin = performance.now()
  const indexer = await openIndexer([url], database, directory)
  try {
    while ((await cursorOf(beside)) < events) await pause(5)
    return performance.now() - begin
  } finally {
    await indexer.close()
    await beside.close()
  }
}

async function cursorOf({ db }: Database): Promise<number> {
  const row = await db.selectFrom('stratos_sync_cursor').select('seq').executeTakeFirst()
  return row?.seq ?? 0
}

async function readRows(settings: DatabaseSettings): Promise<Rows> {
  const { db, close } = await openDatabase(settings)
  const entries: [string, readonly object[]][] = []
  for (const table of TABLES) entries.push([table, await db.selectFrom(table).selectAll().execute()])
  await close()
  return Object.fromEntries(entries) as Rows
}

async function insert(rows: Rows, settings: DatabaseSettings, events: number): Promise<number> {
  const { db, close } = await openDatabase(settings)
  const key = { stream: 'bench', service: 'bench', did: '', updatedAt: '' }
  await db
    .insertInto('stratos_sync_cursor')
    .values({ ...key, seq: 0 })
    .execute()
  const begin = performance.now()
  for (let start = 0; start < events; start += BATCH) {
    await db.transaction().execute(async (tx) => {
      for (const table of TABLES) {
        const batch = rows[table].slice(start, start + BATCH)
        for (let from = 0; from < batch.length; from += AT_ONCE) {
          // Rows of one table, as they were read from it.
          await tx
            .insertInto(table)
            .values(batch.slice(from, from + AT_ONCE) as never)
            .execute()
        }
      }
      await tx
        .updateTable('stratos_sync_cursor')
        .set({ seq: start + BATCH })
        .execute()
    })
  }
  const takenMs = performance.now() - begin
  await close()
  return takenMs
}
