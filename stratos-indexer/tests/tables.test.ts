import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { encodeRecord } from 'stratos-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createDatabase } from '../../stratos-service/tests/_util/databases.ts'
import { indexEvents } from '../src/index-commit.ts'
import type { CommitMessage, EnrollmentMessage } from '../src/stream/parse-message.ts'
import { CursorTakenError, findCursor, moveCursor } from '../src/tables/cursors.ts'
import { openDatabase, type Database, type DatabaseSettings } from '../src/tables/database.ts'
import { writeChanges } from '../src/tables/write-rows.ts'

const SERVICE = { did: 'did:web:stratos.example', url: 'https://stratos.example' }
const ALICE = 'did:web:alice.example'
const POST = 'zone.stratos.feed.post'
const NOW = Date.UTC(2026, 0, 20)

async function commit(
  seq: number,
  rkey: string,
  text: string | null,
  names: readonly string[] = ['a'],
  more: object = {},
): Promise<CommitMessage> {
  const record = {
    $type: POST,
    text: text ?? '',
    boundary: { values: names.map((name) => ({ value: `${SERVICE.did}/${name}` })) },
    createdAt: '2026-01-15T12:00:00.000+01:00',
    ...more,
  }
  const cid = text === null ? null : (await encodeRecord(record)).cid.toString()
  const op = { collection: POST, rkey, cid, record: text === null ? null : record }
  const action = text === null ? ('delete' as const) : ('create' as const)
  return { kind: 'commit', seq, did: ALICE, rev: `rev${seq}`, atMs: NOW, ops: [{ action, ...op }] }
}
const enrollment = (action: 'enroll' | 'unenroll', names: readonly string[] = []): EnrollmentMessage => ({
  kind: 'enrollment',
  seq: 1,
  did: ALICE,
  action,
  boundaries: names.map((name) => `${SERVICE.did}/${name}`),
  atMs: NOW,
})

describe.each(['SQLite', 'Postgres'] as const)('tables on %s', (kind) => {
  let settings: DatabaseSettings
  let database: Database
  let drop: () => Promise<void>

  beforeAll(async () => {
    const directory = mkdtempSync(join(tmpdir(), 'stratos-indexer-'))
    const made = kind === 'SQLite' ? null : await createDatabase()
    settings =
      made === null
        ? { kind: 'sqlite', file: join(directory, 'index.sqlite') }
        : { kind: 'postgres', url: made.url, schema: 'bsky', poolSize: 3 }
    database = await openDatabase(settings)
    drop = async () => {
      await database.close()
      await made?.drop()
      rmSync(directory, { recursive: true })
    }
  })
  afterAll(() => drop())

  const apply = (...events: (CommitMessage | EnrollmentMessage)[]) =>
    database.db.transaction().execute(async (tx) => {
      await writeChanges(tx, SERVICE, indexEvents(events, { revs: new Map() }), NOW)
    })
  const posts = () =>
    database.db
      .selectFrom('stratos_post')
      .innerJoin('stratos_post_boundary as b', (join) =>
        join.onRef('b.uri', '=', 'stratos_post.uri').onRef('b.service', '=', 'stratos_post.service'),
      )
      .select(['stratos_post.rkey', 'text', 'b.boundary', 'b.sortAt'])
      .orderBy('stratos_post.rkey')
      .orderBy('b.boundary')
      .execute()

  it('are opened again by a later start', async () => {
    const again = await openDatabase(settings)
    await again.close()
  })

  it('have posts with their boundaries, and follow edits, deletions and accounts that leave', async () => {
    await apply(enrollment('enroll', ['a', 'b']), await commit(1, 'one', 'first', ['a', 'b']))
    await apply(await commit(2, 'two', 'nul \0 byte'))
    expect(await posts()).toEqual([
      { rkey: 'one', text: 'first', boundary: `${SERVICE.did}/a`, sortAt: '2026-01-15T11:00:00.000Z' },
      { rkey: 'one', text: 'first', boundary: `${SERVICE.did}/b`, sortAt: '2026-01-15T11:00:00.000Z' },
      { rkey: 'two', text: 'nul  byte', boundary: `${SERVICE.did}/a`, sortAt: '2026-01-15T11:00:00.000Z' },
    ])
    await apply(await commit(3, 'one', 'second', ['b']), await commit(4, 'two', null))
    expect(await posts()).toMatchObject([{ rkey: 'one', text: 'second', boundary: `${SERVICE.did}/b` }])
    expect(await database.db.selectFrom('stratos_enrollment_boundary').selectAll().execute()).toHaveLength(2)

    await apply(enrollment('unenroll'))
    for (const table of ['stratos_record', 'stratos_record_boundary', 'stratos_enrollment'] as const) {
      expect(await database.db.selectFrom(table).selectAll().execute()).toEqual([])
    }
    expect(await posts()).toEqual([])
  })

  it('keep the exact bytes of a record', async () => {
    const event = await commit(5, 'bytes', 'exact')
    await apply(event)
    const { cid, bytes } = await encodeRecord(event.ops[0]?.record as never)
    const row = await database.db.selectFrom('stratos_record').selectAll().executeTakeFirstOrThrow()
    expect([row.cid, Buffer.from(row.record).toString('hex')]).toEqual([
      cid.toString(),
      Buffer.from(bytes).toString('hex'),
    ])
  })

  it('have JSON where they say so, whatever its author wrote', async () => {
    const title = 'nul \0, and what looks like one: \\u0000, \\\\u0000'
    const event = await commit(8, 'json', 'with an embed', ['a'], { embed: { title } })
    await apply(event)
    const { embed } = await database.db
      .selectFrom('stratos_post')
      .select('embed')
      .where('rkey', '=', 'json')
      .executeTakeFirstOrThrow()
    expect(JSON.parse(embed ?? '')).toEqual({ title: title.replace('\0', '') })
  })

  it('IDX-005: a record that is not what its CID names goes to the dead letters, and not into the tables', async () => {
    const [good, other] = [await commit(6, 'swap', 'good'), await commit(7, 'swap', 'other')]
    await apply(good)
    const ops = [{ ...other.ops[0]!, record: good.ops[0]!.record }]
    await apply({ ...other, ops })
    expect((await posts()).filter(({ rkey }) => rkey === 'swap')).toEqual([])
    const letters = await database.db.selectFrom('stratos_dead_letter').selectAll().execute()
    expect(letters).toMatchObject([{ did: ALICE, seq: 7, path: `${POST}/swap` }])
  })

  it.runIf(kind === 'Postgres')(
    'a server that ends a connection in the middle of a transaction ends the transaction alone',
    async () => {
      const { db } = database
      const outcome = db.transaction().execute(async (tx) => {
        const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(tx)
        await sql`select pg_terminate_backend(${rows[0]?.pid}, 10000)`.execute(db)
        // What the connection has to say of its end arrives while nothing is asked of it.
        await sql`select 1`.execute(db)
        await sql`select 1`.execute(tx)
      })
      await expect(outcome).rejects.toThrow(/terminat|not queryable/)
      await apply(enrollment('enroll', ['a']))
    },
  )

  it.runIf(kind === 'Postgres')(
    'nobody holds rows for ever who is gone in the middle of a transaction',
    async () => {
      const { rows } = await sql<{
        idle: string
      }>`select current_setting('idle_in_transaction_session_timeout') as idle`.execute(database.db)
      expect(rows).toEqual([{ idle: '1min' }])
    },
  )

  it('refuse a cursor that somebody else has moved', async () => {
    const key = { stream: 'zone.stratos.sync.subscribeRepos', service: SERVICE.did, did: '' }
    const move = (from: number | null, to: number) =>
      database.db.transaction().execute((tx) => moveCursor(tx, key, from, to, new Date(NOW).toISOString()))
    await move(null, 5)
    await move(5, 9)
    await expect(move(5, 7)).rejects.toBeInstanceOf(CursorTakenError)
    await expect(move(null, 7)).rejects.toBeInstanceOf(CursorTakenError)
    expect(await findCursor(database.db, key)).toBe(9)
  })
})
