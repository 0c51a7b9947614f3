import type { Kysely } from 'kysely'
import { StratosError, type ActorStores } from 'stratos-core'
import { SqlBlobIndex } from './blob-index.ts'
import type { DialectTraits } from './dialect.ts'
import { SqlEventLog } from './event-log.ts'
import { SqlJobQueue } from './job-queue.ts'
import { SqlRecordStore } from './record-store.ts'
import { SqlRepoStore } from './repo-store.ts'
import type { ActorTables } from './schema.ts'
import type { Statements } from './statements.ts'

/**
 * The stores of one actor over tables that may be the actor's own or everybody's.
 *
 * @param statements of these tables; they are the same in every SQLite file, and in a schema of Postgres
 * @param onRemoval called when contents of records are removed, before that is durable
 */
export function actorStores(
  db: Kysely<ActorTables>,
  number: number,
  traits: DialectTraits,
  statements: Statements,
  onRemoval?: () => void,
): ActorStores {
  return {
    repo: new SqlRepoStore(db, number, traits, statements, onRemoval),
    records: new SqlRecordStore(db, number, traits, statements),
    blobs: new SqlBlobIndex(db, number),
    events: new SqlEventLog(db, repoFeed(number), traits, statements),
    stubs: new SqlJobQueue(db, stubQueue(number), statements),
  }
}

export function repoFeed(number: number): string {
  return `repo:${number}`
}

export function stubQueue(number: number): string {
  return `stubs:${number}`
}

export function repoNotFound(): StratosError {
  return new StratosError('RepoNotFound', 'there is no such repo on this service')
}
