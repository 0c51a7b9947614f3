import type { Keypair } from '@atproto/crypto'
import type { NodeOAuthClient } from '@atproto/oauth-client-node'
import type { Did, Nsid, WriteRateLimiter } from 'stratos-core'
import type { SessionKeys } from '../auth/session-key.ts'
import type { Config } from '../config/config.ts'
import type { Logger } from '../logger.ts'
import { Enrollments, type ExternalList } from '../operations/enrollments.ts'
import { LifeCycles } from '../operations/life-cycles.ts'
import { OrphanedSessions } from '../operations/orphaned-sessions.ts'
import { EnrollmentPublisher } from '../pds/enrollment-publisher.ts'
import { EnrollmentRecords } from '../pds/enrollment-record.ts'
import type { PdsAccounts } from '../pds/pds-accounts.ts'
import { PublicTraces } from '../pds/public-traces.ts'
import type { StubWriter } from '../pds/stub-writer.ts'
import type { Storage } from '../stores/open-storage.ts'

/** A request to a PDS ends after 10 s at the latest; one that another instance has sent is over after this. */
const OTHERS_SETTLE_MS = 15_000

export interface EnrollmentParts {
  readonly storage: Storage
  readonly oauth: Pick<NodeOAuthClient, 'revoke'>
  readonly pds: PdsAccounts
  readonly stubs: StubWriter
  readonly stubCollections: ReadonlySet<Nsid>
  readonly writeRate: WriteRateLimiter
  readonly sessions: Pick<SessionKeys, 'deleteAll'>
  readonly serviceKey: Keypair
  readonly destroyBlobs: (did: Did) => Promise<void>
  readonly externalList: ExternalList | null
  readonly logger: Logger
  readonly nowMs: () => number
}

/** Enrollment, membership and departure, and what carries them to the users' PDSes. */
export function buildEnrollment(
  config: Pick<Config, 'service' | 'enrollment' | 'storage'>,
  parts: EnrollmentParts,
) {
  const { storage, oauth, pds, stubs, stubCollections, serviceKey, logger, nowMs } = parts
  const { service } = config
  const publisher = new EnrollmentPublisher({
    queue: storage.enrollmentJobs,
    enrollments: storage.enrollments,
    records: new EnrollmentRecords({
      pds,
      serviceUrl: service.publicUrl,
      serviceKey,
      isPresent: async (key) => (await storage.serviceKeys.list())[0] === key,
    }),
    logger,
    nowMs,
  })
  const pdsSessions = {
    exists: (did: Did) => pds.hasSession(did),
    revoke: async (did: Did) => {
      try {
        await oauth.revoke(did)
      } catch (err) {
        // It is forgotten in any case; what the server still holds runs out by itself.
        logger.warn({ did, err }, 'a session with a PDS could not be ended there')
      }
    },
  }
  const lifeCycles = new LifeCycles(
    {
      actors: storage.actors,
      store: storage.enrollments,
      jobs: storage.lifeCycles,
      rate: parts.writeRate,
      lock: storage.sharedLock,
      destroyBlobs: parts.destroyBlobs,
      scrub: () => storage.scrub(),
      pdsIdle: async (did) => {
        await Promise.all([stubs.idle(did), publisher.idle(did)])
      },
      publicTraces: new PublicTraces({
        pds,
        serviceUrl: service.publicUrl,
        serviceDid: service.did,
        collections: stubCollections,
      }),
      pdsSessions,
    },
    { logger, nowMs, settleMs: config.storage.backend === 'sqlite' ? 0 : OTHERS_SETTLE_MS },
  )
  const changed = async (did: Did): Promise<void> => {
    storage.memberships.forget(did)
    await publisher.publish(did)
  }
  const enrollments = new Enrollments({
    store: storage.enrollments,
    lifeCycles,
    policy: config.enrollment,
    approvals: storage.approvals,
    externalList: parts.externalList,
    autoBoundaries: config.enrollment.autoBoundaries,
    service,
    serviceKey,
    pdsSessions,
    changed,
    returned: async (did) => {
      await stubs.hasten(did)
      await changed(did)
    },
    ended: async (did) => {
      storage.memberships.forget(did)
      await parts.sessions.deleteAll(did)
    },
    nowMs,
  })
  const orphans = new OrphanedSessions({
    sessions: storage.oauthSessions,
    revoke: pdsSessions.revoke,
    lock: storage.sharedLock,
    onError: (err) => logger.warn({ err }, 'sessions that nobody needs cannot be looked for'),
  })
  return { enrollments, publisher, lifeCycles, orphans }
}
