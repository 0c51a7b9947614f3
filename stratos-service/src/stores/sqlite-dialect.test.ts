import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { Kysely } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sqliteDialect } from './sqlite-dialect.ts'
import { inTransaction } from './transaction.ts'

interface Tables {
  note: { id: number }
}

/** A disk that takes its time, and may fail. */
class Disk {
  readonly #waiting: PromiseWithResolvers<void>[] = []

  readonly sync = (): Promise<void> => {
    const done = Promise.withResolvers<void>()
    this.#waiting.push(done)
    return done.promise
  }

  get waiting(): number {
    return this.#waiting.length
  }

  finish(): void {
    this.#waiting.shift()?.resolve()
  }

  fail(): void {
    this.#waiting.shift()?.reject(new Error('EIO'))
  }
}

let directory: string
let file: string
let disk: Disk
let db: Kysely<Tables>

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'stratos-dialect-'))
  file = join(directory, 'notes.sqlite')
  const before = new Database(file)
  before.exec('create table note (id integer primary key)')
  before.close()
  disk = new Disk()
  db = new Kysely<Tables>({
    dialect: sqliteDialect({ file, cacheKiB: 64, maxStatements: 10, sync: disk.sync }),
  })
  // Opens it.
  await ids()
})

afterEach(async () => {
  await db.destroy()
  rmSync(directory, { recursive: true })
})

const insert = (id: number) => db.insertInto('note').values({ id }).execute()
const insertInTransaction = (id: number) =>
  inTransaction(db, (trx) => trx.insertInto('note').values({ id }).execute())
const insertAndReturn = (id: number) => db.insertInto('note').values({ id }).returning('id').execute()
const ids = async () => (await db.selectFrom('note').select('id').execute()).map(({ id }) => id)

/** Whether a promise has settled after everything that could be done without the disk is done. */
async function isOver(promise: Promise<unknown>): Promise<boolean> {
  let over = false
  const note = () => (over = true)
  promise.then(note, note)
  await new Promise(setImmediate)
  return over
}

describe.each([
  ['a transaction', insertInTransaction],
  ['a statement of its own', insert],
  ['a statement that returns rows', insertAndReturn],
])('%s', (_name, write) => {
  it('is over when the disk has it, and nobody sees it before', async () => {
    const writing = write(1)
    expect(await isOver(writing)).toBe(false)
    const reading = ids()
    expect(await isOver(reading)).toBe(false)
    expect(disk.waiting).toBe(1)
    disk.finish()
    await writing
    expect(await reading).toEqual([1])
  })

  it('is brought to the disk in another way when that fails', async () => {
    const writing = write(1)
    expect(await isOver(writing)).toBe(false)
    disk.fail()
    expect(await isOver(writing)).toBe(false)
    disk.finish()
    await writing
    // It is in the database itself, so that the log can be missed.
    const copy = join(directory, 'copy.sqlite')
    copyFileSync(file, copy)
    const copied = new Database(copy)
    expect(copied.prepare('select id from note').all()).toEqual([{ id: 1 }])
    copied.close()
  })

  it('fails when there is no other way, and is not seen until there is', async () => {
    const reader = new Database(file)
    reader.exec('begin')
    reader.prepare('select * from note').all()
    const writing = write(1)
    expect(await isOver(writing)).toBe(false)
    disk.fail()
    await expect(writing).rejects.toThrow('cannot be brought to the disk')
    await expect(ids()).rejects.toThrow('cannot be brought to the disk')
    await expect(insertInTransaction(2)).rejects.toThrow('cannot be brought to the disk')
    reader.close()
    const reading = ids()
    expect(await isOver(reading)).toBe(false)
    disk.finish()
    expect(await reading).toEqual([1])
  })
})

it('a read, and a transaction that is undone, do not wait for the disk', async () => {
  const undone = inTransaction(db, async (trx) => {
    await trx.insertInto('note').values({ id: 1 }).execute()
    throw new Error('changed my mind')
  })
  await expect(undone).rejects.toThrow('changed my mind')
  expect(await ids()).toEqual([])
  expect(disk.waiting).toBe(0)
})
