import { mkdtempSync, readdirSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql, type Kysely } from 'kysely'
import { parseDid } from 'stratos-core'
import { newActor } from 'stratos-core/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { NO_MASTER_KEYS } from '../config/vault.ts'
import { openStorage } from './open-storage.ts'
import type { Migration } from './migrate.ts'
import { openSqlite } from './sqlite-database.ts'
import { syncFile } from './sync-file.ts'
import { inTransaction } from './transaction.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'stratos-sqlite-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

interface Tables {
  note: { id: number; text: string }
}

const FIRST: Migration = {
  name: 'first',
  up: async (schema) =>
    schema
      .createTable('note')
      .addColumn('id', 'integer', (col) => col.primaryKey())
      .addColumn('text', 'text')
      .execute(),
}
const BROKEN: Migration = {
  name: 'broken',
  up: async (schema) => {
    await schema.createTable('half').addColumn('id', 'integer').execute()
    await schema.createTable('note').addColumn('id', 'integer').execute()
  },
}

const OPTIONS = { cacheKiB: 64, maxStatements: 10, sync: syncFile }

const open = (...migrations: Migration[]): Promise<Kysely<Tables>> =>
  openSqlite<Tables>({ ...OPTIONS, file: join(directory, 'x.sqlite') }, migrations)

describe('a database file', () => {
  it('is brought to the newest version once, and keeps its rows', async () => {
    const db = await open(FIRST)
    await db.insertInto('note').values({ id: 1, text: 'kept' }).execute()
    await db.destroy()
    const again = await open(FIRST, {
      name: 'second',
      up: async (schema) => schema.createTable('more').addColumn('id', 'integer').execute(),
    })
    expect(await again.selectFrom('note').select('text').execute()).toEqual([{ text: 'kept' }])
    await again.destroy()
  })

  it('stays as it was when a migration fails, which is named', async () => {
    await (await open(FIRST)).destroy()
    await expect(open(FIRST, BROKEN)).rejects.toThrow('migration broken failed')
    const db = await open(FIRST)
    const tables = await sql<{ name: string }>`select name from sqlite_master`.execute(db)
    expect(tables.rows.map(({ name }) => name)).toEqual(['note'])
    await db.destroy()
  })

  it('is refused by a program that is older than its tables', async () => {
    await (await open(FIRST, { ...FIRST, up: async () => undefined })).destroy()
    await expect(open(FIRST)).rejects.toThrow(/version 2.*no more than 1/)
  })

  it('is written ahead, and overwrites what is deleted', async () => {
    const db = await open(FIRST)
    const pragmas = await Promise.all(
      ['journal_mode', 'synchronous', 'secure_delete', 'foreign_keys'].map(async (name) =>
        Object.values((await sql.raw<object>(`pragma ${name}`).execute(db)).rows[0] ?? {}),
      ),
    )
    // 1 is NORMAL.
    expect(pragmas).toEqual([['wal'], [1], [1], [1]])
    await db.destroy()
  })
})

describe('a transaction', () => {
  it('cannot begin within another one', async () => {
    const db = await open(FIRST)
    const nested = inTransaction(db, (trx) => inTransaction(trx, async () => 1))
    await expect(nested).rejects.toThrow('this is a transaction already')
    await db.destroy()
  })

  it('is undone with all that was sent along when one statement fails', async () => {
    const db = await open(FIRST)
    const insert = (trx: Kysely<Tables>, id: number) =>
      trx.insertInto('note').values({ id, text: 'x' }).execute()
    const failing = inTransaction(db, (trx) => Promise.all([1, 1, 2, 3].map((id) => insert(trx, id))))
    await expect(failing).rejects.toThrow(/UNIQUE/)
    expect(await db.selectFrom('note').select('id').execute()).toEqual([])
    await inTransaction(db, (trx) => insert(trx, 1))
    expect(await db.selectFrom('note').select('id').execute()).toEqual([{ id: 1 }])
    await db.destroy()
  })

  it('is not seen by readers before it is over', async () => {
    const db = await open(FIRST)
    const counts: Promise<unknown[]>[] = []
    await inTransaction(db, async (trx) => {
      await trx.insertInto('note').values({ id: 1, text: 'x' }).execute()
      counts.push(db.selectFrom('note').select('id').execute())
      throw new Error('changed my mind')
    }).catch(() => undefined)
    expect(await Promise.all(counts)).toEqual([[]])
    await db.destroy()
  })
})

describe('a data directory', () => {
  it('holds actors whose DIDs are longer than a name may be, and tidies up after them', async () => {
    const settings = {
      backend: 'sqlite',
      dataDir: directory,
      openActors: 10,
      masterKeys: NO_MASTER_KEYS,
    } as const
    const did = parseDid(`did:web:${'a'.repeat(1_900)}.example`)
    const first = await openStorage(settings, Date.now)
    await first.actors.create(did)
    expect(await first.actors.read(did, ({ repo }) => repo.findHead())).toBeNull()
    const shard = join(directory, 'actors', readdirSync(join(directory, 'actors'))[0] ?? '')
    const [name = ''] = readdirSync(shard)
    expect(name).toMatch(/^sha256-[0-9a-f]{64}$/)
    await first.close()
    writeFileSync(join(shard, name, 'stratos.sqlite-wal'), 'left by a crash')
    const second = await openStorage(settings, Date.now)
    expect(await second.actors.exists(did)).toBe(true)
    await second.actors.destroy(did)
    expect(readdirSync(shard)).toEqual([])
    await second.close()
  })

  const settings = (openActors: number) => ({
    backend: 'sqlite' as const,
    dataDir: directory,
    openActors,
    masterKeys: NO_MASTER_KEYS,
  })

  it('belongs to one process at a time, and to its owner alone', async () => {
    const storage = await openStorage(settings(10), Date.now)
    await expect(openStorage(settings(10), Date.now)).rejects.toThrow(/in use by another process/)
    expect(statSync(directory).mode & 0o077).toBe(0)
    await storage.close()
    await (await openStorage(settings(10), Date.now)).close()
  })

  it('keeps few files open, however many actors are busy', async () => {
    const storage = await openStorage(settings(10), Date.now)
    const dids = await Promise.all(Array.from({ length: 60 }, () => newActor(storage.actors)))
    let most = 0
    const reads = dids.map((did) =>
      storage.actors.read(did, async ({ repo }) => {
        most = Math.max(most, openFiles('stratos.sqlite'))
        return repo.findHead()
      }),
    )
    expect((await Promise.all(reads)).every((found) => found !== null)).toBe(true)
    // The file, its log, the index of that, and the log once more for bringing it to the disk.
    expect(most).toBeLessThanOrEqual(4 * 10)
    await storage.close()
    expect(openFiles('sqlite')).toBe(0)
  })
})

/** How many open files of this process have this in their path. */
function openFiles(part: string): number {
  const links = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch (err) {
      // The one that listed the directory.
      if (err instanceof Error && 'code' in err && err.code === 'ENOENT') return ''
      throw err
    }
  })
  return links.filter((path) => path.startsWith(directory) && path.includes(part)).length
}
