import {
  DummyDriver,
  Kysely,
  sql,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type CompiledQuery,
} from 'kysely'
import { describe, expect, it } from 'vitest'
import { Statements } from './statements.ts'

interface Tables {
  note: { id: number; text: string | null; body: Uint8Array }
}

/** A database that keeps what it is told instead of doing it. */
function openRecorder() {
  const told: { sql: string; parameters: readonly unknown[] }[] = []
  const db = new Kysely<Tables>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => new RecordingDriver(({ sql, parameters }) => told.push({ sql, parameters })),
      createIntrospector: (db) => new SqliteIntrospector(db),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  })
  return { db, told }
}

class RecordingDriver extends DummyDriver {
  readonly #tell: (query: CompiledQuery) => void

  constructor(tell: (query: CompiledQuery) => void) {
    super()
    this.#tell = tell
  }

  override async acquireConnection() {
    return {
      executeQuery: async <R>(query: CompiledQuery) => {
        this.#tell(query)
        return { rows: [] as R[] }
      },
      streamQuery: () => {
        throw new Error('nobody streams')
      },
    }
  }
}

describe('a statement', () => {
  it('is built once for all values, which go where their names are', async () => {
    const { db, told } = openRecorder()
    const statements = new Statements()
    let built = 0
    const find = (range: { from: number; text: string | null; to: number }) =>
      statements.run(db, 'find', range, ({ text, to, from }) => {
        built += 1
        return db
          .selectFrom('note')
          .select('id')
          .where('text', '=', text)
          .where('id', '<', to)
          .where('id', '>', from)
          .where('id', '!=', 7)
      })
    await find({ from: 1, text: 'a', to: 9 })
    await find({ from: 2, text: null, to: 8 })
    expect(built).toBe(1)
    expect(told[0]?.sql).toBe(told[1]?.sql)
    expect(told.map(({ parameters }) => parameters)).toEqual([
      ['a', 9, 1, 7],
      [null, 8, 2, 7],
    ])
  })

  it('is built once for each length of a list', async () => {
    const { db, told } = openRecorder()
    const statements = new Statements()
    const body = Uint8Array.of(1, 2)
    let built = 0
    const add = (ids: readonly number[]) =>
      statements.run(
        db,
        'add',
        ids.map((id) => ({ id, text: `note ${id}`, body })),
        (rows) => {
          built += 1
          return db.insertInto('note').values(rows)
        },
      )
    for (const ids of [[1], [2, 3], [4], [5, 6]]) await add(ids)
    expect(built).toBe(2)
    expect(told.map(({ parameters }) => parameters)).toEqual([
      [1, 'note 1', body],
      [2, 'note 2', body, 3, 'note 3', body],
      [4, 'note 4', body],
      [5, 'note 5', body, 6, 'note 6', body],
    ])
  })

  it('is not taken for another one of the same lengths', async () => {
    const { db, told } = openRecorder()
    const statements = new Statements()
    await statements.run(db, 'drop', { id: 1 }, ({ id }) => db.deleteFrom('note').where('id', '=', id))
    await statements.run(db, 'find', { id: 1 }, ({ id }) => db.selectFrom('note').where('id', '=', id))
    const lists = { a: [1], b: [2, 3] }
    await statements.run(db, 'lists', lists, ({ a, b }) =>
      db.deleteFrom('note').where('id', 'in', a).where('id', 'in', b),
    )
    await statements.run(db, 'lists', { a: [1, 2], b: [3] }, ({ a, b }) =>
      db.deleteFrom('note').where('id', 'in', a).where('id', 'in', b),
    )
    expect(new Set(told.map(({ sql }) => sql)).size).toBe(4)
  })

  it('gives SQLite no value to make another plan for, unless a question mark may be something else', async () => {
    const { db, told } = openRecorder()
    const statements = new Statements()
    const key = { id: 1, text: 'a' }
    await statements.run(db, 'find', key, ({ id, text }) =>
      db.selectFrom('note').select('body').where('id', '=', id).where('text', '=', text),
    )
    await statements.run(db, 'ask', key, ({ id }) =>
      db.selectFrom('note').select(sql.lit('?').as('body')).where('id', '=', id),
    )
    expect(told.map(({ sql }) => sql)).toEqual([
      'select "body" from "note" where "id" = +? and "text" = +?',
      `select '?' as "body" from "note" where "id" = ?`,
    ])
  })
})
