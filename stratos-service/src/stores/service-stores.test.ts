import {
  auditLogContract,
  backlogStoreContract,
  leaseStoreContract,
  enrollmentStoreContract,
  replayStoreContract,
  sessionStoreContract,
  writeRateContract,
} from 'stratos-core/testing'
import { beforeAll } from 'vitest'
import { describeEachDatabase, type Database } from '../../tests/_util/databases.ts'
import type { Storage } from './open-storage.ts'

/** As many instances as the database allows. */
function useInstances(database: () => Database): () => readonly Storage[] {
  let instances: readonly Storage[] = []
  beforeAll(async () => {
    const { kind, storage, open } = database()
    instances = kind === 'sqlite' ? [storage] : [storage, await open(), await open()]
  })
  return () => instances
}

describeEachDatabase('EnrollmentStore', (database) =>
  enrollmentStoreContract(() => {
    const { enrollments, enrollmentJobs, lifeCycles, approvals, audit } = database().storage
    return { store: enrollments, jobs: enrollmentJobs, lifeCycles, approvals, audit }
  }),
)
describeEachDatabase('SessionStore', (database) => sessionStoreContract(() => database().storage.sessions))
describeEachDatabase('AuditLog', (database) => auditLogContract(() => database().storage.audit))
describeEachDatabase('LeaseStore', (database) => leaseStoreContract(() => database().storage.stubLeases))
describeEachDatabase('BacklogStore', (database) => backlogStoreContract(() => database().storage.backlog))
describeEachDatabase('BacklogStore of blobs', (database) =>
  backlogStoreContract(() => database().storage.blobBacklog),
)
describeEachDatabase('ReplayStore', (database) => {
  const instances = useInstances(database)
  replayStoreContract(
    () => instances().map(({ replays }) => replays),
    () => database().clock.nowMs,
  )
})

describeEachDatabase('WriteRateLimiter', (database) => {
  const instances = useInstances(database)
  writeRateContract(
    (rate) => instances().map((storage) => storage.writeRateLimiter(rate)),
    () => database().clock,
  )
})
