import type { Kysely } from 'kysely'
import type { Approval, ApprovalStore, AuditedAction, Boundary, Did } from 'stratos-core'
import { SqlAuditLog } from './audit-log.ts'
import type { ServiceTables } from './schema.ts'
import { inTransaction } from './transaction.ts'

export class SqlApprovalStore implements ApprovalStore {
  readonly #db: Kysely<ServiceTables>
  readonly #nowMs: () => number

  constructor(db: Kysely<ServiceTables>, nowMs: () => number) {
    this.#db = db
    this.#nowMs = nowMs
  }

  async find(did: Did): Promise<Approval | null> {
    return findApproval(this.#db, did)
  }

  async approve(did: Did, approval: Approval, by: AuditedAction): Promise<'approved' | 'enrolled'> {
    return inTransaction(this.#db, async (trx) => {
      const enrolled = await trx
        .selectFrom('enrollment')
        .select('did')
        .where('did', '=', did)
        .executeTakeFirst()
      if (enrolled !== undefined) return 'enrolled'
      const before = await findApproval(trx, did)
      const row = {
        boundaries: approval.boundaries === null ? null : JSON.stringify(approval.boundaries),
        approved_at_ms: this.#nowMs(),
      }
      await trx
        .insertInto('approval')
        .values({ did, ...row })
        .onConflict((conflict) => conflict.column('did').doUpdateSet(row))
        .execute()
      const note = { ...by, subject: did, ...(before === null ? {} : { before }), after: approval }
      await new SqlAuditLog(trx, this.#nowMs).append(note)
      return 'approved'
    })
  }
}

async function findApproval(db: Kysely<ServiceTables>, did: Did): Promise<Approval | null> {
  const row = await db.selectFrom('approval').select('boundaries').where('did', '=', did).executeTakeFirst()
  if (row === undefined) return null
  return { boundaries: row.boundaries === null ? null : (JSON.parse(row.boundaries) as Boundary[]) }
}
