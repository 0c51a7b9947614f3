import pg from 'pg'
import { createDatabase } from 'test-network'
import { BOUNDARY, CommitWork, type Commit, type SignedCommit } from './commit-work.ts'
import type { Floor, FloorSample } from './floor.ts'

const DATABASE = 'write_floor'
const TABLES = `
  drop table if exists head, block, record, record_boundary, event, job;
  create table head (repo integer primary key, cid text not null, rev text not null);
  create table block (repo integer, cid text collate "C", content bytea not null, primary key (repo, cid));
  create table record (repo integer, rkey text collate "C", cid text not null, rev text not null, primary key (repo, rkey));
  create table record_boundary (repo integer, rkey text collate "C", boundary text, primary key (repo, rkey, boundary));
  create table event (feed text, seq bigint, at_ms bigint not null, body bytea not null, primary key (feed, seq));
  create table job (queue text, key text collate "C", payload text not null, primary key (queue, key));
  insert into head values (1, '', '');
`

/**
 * The floor of a write on Postgres: the computing of `CommitWork`, and one durable transaction with the rows of a commit,
 * in prepared statements that are sent together, so that beginning, rows and end are one round trip. One after another, on
 * one connection, from this process.
 */
export class PostgresWriteFloor implements Floor {
  readonly #client: pg.Client
  readonly #work = new CommitWork()

  private constructor(client: pg.Client) {
    this.#client = client
  }

  /** @param url of any database on the server that holds the service's */
  static async open(url: string): Promise<PostgresWriteFloor> {
    await createDatabase(url, DATABASE)
    const own = new URL(url)
    own.pathname = `/${DATABASE}`
    const config = { connectionString: own.href, options: '-c synchronous_commit=on', pipeline: true }
    const client = new pg.Client(config)
    await client.connect()
    await client.query(TABLES)
    return new PostgresWriteFloor(client)
  }

  async sample(seconds: number): Promise<FloorSample> {
    return this.#work.sample(seconds, (commit) => this.#store(commit, this.#work.sign(commit)))
  }

  async close(): Promise<void> {
    await this.#client.end()
  }

  async #store(commit: Commit, { cid, bytes, recordCid, record, job }: SignedCommit): Promise<void> {
    const blocks = [cid, bytes, ...commit.nodes.flatMap((node, index) => [commit.cids[index], node])]
    const answers = await Promise.all([
      this.#client.query('begin'),
      this.#run(
        'blocks',
        'insert into block values (1, $1, $2), (1, $3, $4), (1, $5, $6), (1, $7, $8), (1, $9, $10)',
        [...blocks, recordCid, Buffer.from(record)],
      ),
      this.#run('record', 'insert into record values (1, $1, $2, $3)', [commit.rev, recordCid, commit.rev]),
      this.#run('boundary', 'insert into record_boundary values (1, $1, $2)', [commit.rev, BOUNDARY]),
      this.#run('event', "insert into event values ('repo:1', $1, $2, $3)", [
        commit.number,
        1_700_000_000_000,
        commit.event,
      ]),
      this.#run('job', "insert into job values ('stubs:1', $1, $2)", [
        `zone.stratos.feed.post/${commit.rev}`,
        job,
      ]),
      this.#run('head', 'update head set cid = $1, rev = $2 where repo = 1', [cid, commit.rev]),
      this.#client.query('commit'),
    ])
    if (answers.at(-1)?.command !== 'COMMIT') throw new Error('a transaction of the write floor failed')
  }

  #run(name: string, text: string, values: unknown[]) {
    return this.#client.query({ name, text, values })
  }
}
