import type { Kysely } from 'kysely'
import { SqlApprovalStore } from './approval-store.ts'
import { SqlAuditLog } from './audit-log.ts'
import { SqlBacklogStore } from './backlog-store.ts'
import type { Vault } from '../config/vault.ts'
import type { DialectTraits } from './dialect.ts'
import { ENROLLMENT_RECORD_QUEUE, LIFE_CYCLE_QUEUE, SqlEnrollmentStore } from './enrollment-store.ts'
import { SqlJobQueue } from './job-queue.ts'
import { SqlLeaseStore } from './lease-store.ts'
import { CachedMemberships } from './memberships.ts'
import { OauthSessionStore, OauthStateStore } from './oauth-store.ts'
import type { ServiceTables } from './schema.ts'
import { SqlServiceKeys } from './service-keys.ts'
import { SqlSessionStore } from './session-store.ts'

/** The stores over the tables of the service, wherever those are. */
export function serviceStores(
  db: Kysely<ServiceTables>,
  traits: DialectTraits,
  vault: Vault,
  nowMs: () => number,
) {
  const enrollments = new SqlEnrollmentStore(db, traits, nowMs)
  return {
    enrollments,
    memberships: new CachedMemberships(enrollments, nowMs),
    enrollmentJobs: new SqlJobQueue(db.$pickTables<'job'>(), ENROLLMENT_RECORD_QUEUE),
    approvals: new SqlApprovalStore(db, nowMs),
    audit: new SqlAuditLog(db, nowMs),
    backlog: new SqlBacklogStore(db, 'stub_backlog'),
    stubLeases: new SqlLeaseStore(db),
    blobBacklog: new SqlBacklogStore(db, 'blob_backlog'),
    serviceKeys: new SqlServiceKeys(db, nowMs),
    /** Enrollments and departures under way, by DID. */
    lifeCycles: new SqlJobQueue(db.$pickTables<'job'>(), LIFE_CYCLE_QUEUE),
    sessions: new SqlSessionStore(db),
    oauthStates: new OauthStateStore(db, vault, nowMs),
    oauthSessions: new OauthSessionStore(db, vault),

    async check(): Promise<'ok' | 'failed'> {
      try {
        await db.selectFrom('enrollment').select('did').limit(1).execute()
        return 'ok'
      } catch {
        return 'failed'
      }
    },
  }
}
