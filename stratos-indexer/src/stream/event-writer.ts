import type { Config } from '../config.ts'
import type { ServiceClient } from '../identity/service-client.ts'
import { indexEvents } from '../index-commit.ts'
import type { Logger } from '../logger.ts'
import type { Metrics } from '../metrics.ts'
import { moveCursor, type StreamKey } from '../tables/cursors.ts'
import type { Database, Tx } from '../tables/database.ts'
import { assertEnrolled } from '../tables/repo-rows.ts'
import { iso, writeChanges } from '../tables/write-rows.ts'
import type { CommitMessage, EnrollmentMessage } from './parse-message.ts'

export type Event = CommitMessage | EnrollmentMessage

interface WriterParts {
  readonly config: Pick<Config, 'batchEvents'>
  readonly database: Database
  readonly client: Pick<ServiceClient, 'place'>
  readonly logger: Logger
  readonly metrics: Metrics
}

/** Writes the events of one stream, in batches: the rows and how far they go are one transaction. */
export class EventWriter {
  readonly #parts: WriterParts
  readonly #key: StreamKey
  #cursor: number | null

  /** @param cursor where the tables are now; null if nothing was read */
  constructor(parts: WriterParts, key: StreamKey, cursor: number | null) {
    this.#parts = parts
    this.#key = key
    this.#cursor = cursor
  }

  /**
   * @param events in the order of the stream; those that were written before are left out
   * @throws whatever the database says; what was not written then is to be had again from the cursor
   */
  async write(events: readonly Event[]): Promise<void> {
    const { batchEvents } = this.#parts.config
    const fresh = events.filter(({ seq }) => seq === null || seq > (this.#cursor ?? 0))
    for (let start = 0; start < fresh.length; start += batchEvents) {
      await this.#writeBatch(fresh.slice(start, start + batchEvents))
    }
  }

  async #writeBatch(events: readonly Event[]): Promise<void> {
    const { database, client, metrics, logger } = this.#parts
    const { place } = client
    const labels = { service: place.did }
    const seq = events.reduce((latest, event) => Math.max(latest, event.seq ?? 0), this.#cursor ?? 0)
    const nowMs = Date.now()
    const changes = await database.db
      .transaction()
      .execute(async (tx) => {
        if (this.#key.did !== '') await assertEnrolled(tx, database, this.#key)
        const changes = indexEvents(events, { revs: await findRevs(tx, place.did, events) })
        await writeChanges(tx, place, changes, nowMs)
        await moveCursor(tx, this.#key, this.#cursor, seq, iso(nowMs))
        return changes
      })
      .catch((err: unknown) => {
        metrics.add('stratos_indexer_failed_batches_total', labels)
        throw err
      })
    this.#cursor = seq
    metrics.add('stratos_indexer_batches_total', labels)
    metrics.add('stratos_indexer_events_total', labels, events.length)
    metrics.add('stratos_indexer_records_total', labels, changes.records.size)
    if (this.#key.did === '') metrics.set('stratos_indexer_cursor', labels, seq)
    metrics.set('stratos_indexer_lag_ms', labels, Math.max(0, nowMs - (events.at(-1)?.atMs ?? nowMs)))
    if (changes.unusable.length === 0) return
    metrics.add('stratos_indexer_dead_letters_total', labels, changes.unusable.length)
    for (const { did, path, reason } of changes.unusable) {
      logger.error({ ...labels, did, path, reason }, 'a change could not be used')
    }
  }
}

async function findRevs(tx: Tx, service: string, events: readonly Event[]): Promise<Map<string, string>> {
  const dids = [...new Set(events.flatMap(({ kind, did }) => (kind === 'commit' ? did : [])))]
  if (dids.length === 0) return new Map()
  const rows = await tx
    .selectFrom('stratos_repo')
    .select(['did', 'rev'])
    .where('service', '=', service)
    .where('did', 'in', dids)
    .execute()
  return new Map(rows.map(({ did, rev }) => [did, rev]))
}
