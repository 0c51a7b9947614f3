import type { Kysely, Selectable } from 'kysely'
import type { AuditEntry, AuditLog, AuditNote } from 'stratos-core'
import type { ServiceTables } from './schema.ts'

export class SqlAuditLog implements AuditLog {
  readonly #db: Kysely<ServiceTables>
  readonly #nowMs: () => number

  /** @param db may be a transaction, so that an entry and what it tells of are one */
  constructor(db: Kysely<ServiceTables>, nowMs: () => number) {
    this.#db = db
    this.#nowMs = nowMs
  }

  async append({ actor, action, subject, before, after }: AuditNote): Promise<void> {
    await this.#db
      .insertInto('audit')
      .values({
        at_ms: this.#nowMs(),
        actor,
        action,
        subject,
        before: toJson(before),
        after: toJson(after),
      })
      .execute()
  }

  async list({ subject, before, limit }: Parameters<AuditLog['list']>[0]): Promise<AuditEntry[]> {
    let query = this.#db
      .selectFrom('audit')
      .select(['id', 'at_ms', 'actor', 'action', 'subject', 'before', 'after'])
      .orderBy('id', 'desc')
      .limit(limit)
    if (subject !== undefined) query = query.where('subject', '=', subject)
    if (before !== undefined) query = query.where('id', '<', before)
    return (await query.execute()).map(toEntry)
  }
}

function toEntry(row: Selectable<ServiceTables['audit']>): AuditEntry {
  const { id, actor, action, subject, before, after } = row
  return {
    id,
    atMs: row.at_ms,
    actor,
    action,
    subject,
    ...(before === null ? {} : { before: JSON.parse(before) as unknown }),
    ...(after === null ? {} : { after: JSON.parse(after) as unknown }),
  }
}

function toJson(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value)
}
