import { generateKeyPairSync, hash, randomBytes, randomUUID, sign, verify, type KeyObject } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { encode } from '@atproto/lex-cbor'
import Database from 'better-sqlite3'
import { median } from '../statistics.ts'
import type { Floor, FloorSample } from './floor.ts'

const TABLES = `
  create table head (repo integer primary key, cid text not null, rev text not null);
  create table block (repo integer, cid text, content blob not null, primary key (repo, cid));
  create table record (repo integer, rkey text, cid text not null, rev text not null, primary key (repo, rkey));
  create table record_boundary (repo integer, rkey text, boundary text, primary key (repo, rkey, boundary));
  create table event (feed text, seq integer, at_ms integer not null, body blob not null, primary key (feed, seq));
  create table job (queue text, key text, payload text not null, primary key (queue, key));
  insert into head values (1, '', '');
`
const BOUNDARY = 'did:web:stratos.example/general'
/** Sizes as they are in a repo of some thousand records. */
const PROOF_BYTES = 480
const COMMIT_BYTES = 230
const NODE_BYTES = [900, 400, 250]
const EVENT_BYTES = 190
const MIN_OPERATIONS = 20

/** What one commit writes, drawn outside of the time that is measured. */
interface Commit {
  readonly number: number
  readonly cids: readonly string[]
  readonly nodes: readonly Buffer[]
  readonly unsigned: Buffer
  readonly event: Buffer
  readonly rev: string
}

/**
 * The floor of a write: one native ES256 verification with a key that is at hand, one P-256 signature, one post as
 * DAG-CBOR and its SHA-256, and one durable SQLite transaction with the rows of a commit. One after another, in this
 * process.
 */
export class SqliteWriteFloor implements Floor {
  readonly #file: string
  readonly #db: Database.Database
  readonly #store: (commit: Commit, recordCid: string, record: Uint8Array, signature: Uint8Array) => void
  readonly #keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  readonly #proof = randomBytes(PROOF_BYTES)
  readonly #proofSignature: Buffer
  #written = 0

  /** @param directory on the file system that holds the service's databases */
  constructor(directory: string) {
    this.#file = join(directory, `write-floor-${randomUUID()}.sqlite`)
    this.#db = openDatabase(this.#file)
    this.#store = prepareTransaction(this.#db)
    this.#proofSignature = sign('sha256', this.#proof, asEs256(this.#keys.privateKey))
  }

  async sample(seconds: number): Promise<FloorSample> {
    const timesMs: number[] = []
    const endsAt = performance.now() + seconds * 1000
    while (timesMs.length < MIN_OPERATIONS || performance.now() < endsAt) {
      const commit = drawCommit((this.#written += 1))
      const startedAt = performance.now()
      this.#write(commit)
      timesMs.push(performance.now() - startedAt)
    }
    const p50Ms = median(timesMs)
    return { p50Ms, timeMs: p50Ms }
  }

  async close(): Promise<void> {
    this.#db.close()
    rmSync(this.#file, { force: true })
  }

  #write(commit: Commit): void {
    const { publicKey, privateKey } = this.#keys
    if (!verify('sha256', this.#proof, asEs256(publicKey), this.#proofSignature)) {
      throw new Error('a signature of the write floor does not verify')
    }
    const record = encode({
      $type: 'zone.stratos.feed.post',
      text: `Post number ${commit.number}, which says in about as many words as people use what there is to say.`,
      boundary: { $type: 'zone.stratos.boundary.defs#Domains', values: [{ value: BOUNDARY }] },
      createdAt: '2026-01-15T12:00:00.000Z',
    })
    const recordCid = hash('sha256', record)
    this.#store(commit, recordCid, record, sign('sha256', commit.unsigned, asEs256(privateKey)))
  }
}

function asEs256(key: KeyObject) {
  return { key, dsaEncoding: 'ieee-p1363' } as const
}

function drawCommit(number: number): Commit {
  return {
    number,
    cids: NODE_BYTES.map(() => randomBytes(30).toString('hex')),
    nodes: NODE_BYTES.map((size) => randomBytes(size)),
    unsigned: randomBytes(COMMIT_BYTES),
    event: randomBytes(EVENT_BYTES),
    rev: `3k${String(number).padStart(11, '0')}`,
  }
}

function openDatabase(file: string): Database.Database {
  const db = new Database(file)
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = FULL')
  db.exec(TABLES)
  return db
}

function prepareTransaction(db: Database.Database) {
  const addBlock = db.prepare('insert into block values (1, ?, ?)')
  const addRecord = db.prepare('insert into record values (1, ?, ?, ?)')
  const addBoundary = db.prepare('insert into record_boundary values (1, ?, ?)')
  const addEvent = db.prepare("insert into event values ('repo:1', ?, ?, ?)")
  const addJob = db.prepare("insert into job values ('stubs:1', ?, ?)")
  const moveHead = db.prepare('update head set cid = ?, rev = ? where repo = 1')
  const store = (commit: Commit, recordCid: string, record: Uint8Array, signature: Uint8Array): void => {
    const signed = Buffer.concat([commit.unsigned, signature])
    const commitCid = `commit-${commit.number}-${commit.cids[0]}`
    addBlock.run(commitCid, signed)
    commit.nodes.forEach((node, index) => addBlock.run(commit.cids[index], node))
    addBlock.run(recordCid, record)
    addRecord.run(commit.rev, recordCid, commit.rev)
    addBoundary.run(commit.rev, BOUNDARY)
    addEvent.run(commit.number, 1_700_000_000_000, commit.event)
    addJob.run(
      `zone.stratos.feed.post/${commit.rev}`,
      JSON.stringify({ action: 'put', cid: recordCid, createdAt: '2026-01-15T12:00:00.000Z' }),
    )
    moveHead.run(commitCid, commit.rev)
  }
  return db.transaction(store).immediate
}
