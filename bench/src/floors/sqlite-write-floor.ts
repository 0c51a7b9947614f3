import { randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { BOUNDARY, CommitWork, type Commit, type SignedCommit } from './commit-work.ts'
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

/**
 * The floor of a write on SQLite: the computing of `CommitWork`, and one durable transaction with the rows of a commit.
 * One after another, in this process.
 */
export class SqliteWriteFloor implements Floor {
  readonly #file: string
  readonly #db: Database.Database
  readonly #store: (commit: Commit, signed: SignedCommit) => void
  readonly #work = new CommitWork()

  /** @param directory on the file system that holds the service's databases */
  constructor(directory: string) {
    this.#file = join(directory, `write-floor-${randomUUID()}.sqlite`)
    this.#db = openDatabase(this.#file)
    this.#store = prepareTransaction(this.#db)
  }

  async sample(seconds: number): Promise<FloorSample> {
    return this.#work.sample(seconds, (commit) => this.#store(commit, this.#work.sign(commit)))
  }

  async close(): Promise<void> {
    this.#db.close()
    rmSync(this.#file, { force: true })
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
  const store = (commit: Commit, { cid, bytes, recordCid, record, job }: SignedCommit): void => {
    addBlock.run(cid, bytes)
    commit.nodes.forEach((node, index) => addBlock.run(commit.cids[index], node))
    addBlock.run(recordCid, record)
    addRecord.run(commit.rev, recordCid, commit.rev)
    addBoundary.run(commit.rev, BOUNDARY)
    addEvent.run(commit.number, 1_700_000_000_000, commit.event)
    addJob.run(`zone.stratos.feed.post/${commit.rev}`, job)
    moveHead.run(cid, commit.rev)
  }
  return db.transaction(store).immediate
}
