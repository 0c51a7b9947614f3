import { randomUUID } from 'node:crypto'
import {
  buildStub,
  formatAtUri,
  parseAtUri,
  type Actors,
  type Did,
  type EnrollmentStore,
  type Job,
  type LeaseStore,
} from 'stratos-core'
import type { Logger } from '../logger.ts'
import { lastEventAtMs } from '../limits/last-event.ts'
import { drainPage, type DrainResult, type QueueAccess } from './drain.ts'
import type { PdsAccount, PdsAccounts } from './pds-accounts.ts'
import type { MarkedActors } from '../limits/marked-actors.ts'
import { Semaphore } from '../limits/semaphore.ts'
import { WakeUps } from '../limits/wake-ups.ts'

const CONCURRENT_PER_PDS = 4
const CONCURRENT = 64
/** No job of a page is begun after that, so that everybody has a turn. */
const PAGE_MS = 5_000
/** How long nobody works for the actors of an instance that died, ... */
const LEASE_MS = 10_000
const RENEW_EVERY_MS = 3_000
/** ... and how soon that is noticed. */
const LOOK_AROUND_EVERY_MS = 10_000

type StubJob = { action: 'put'; cid: string; createdAt: string } | { action: 'delete' }

/**
 * Carries public stubs to the users' PDSes. The jobs lie in the actors' own databases, written by the commits that make
 * them necessary; this drains them, in order for each actor and side by side for different ones.
 *
 * Of several instances one at a time works for an actor: two could write two versions of a stub in the wrong order.
 */
export class StubWriter {
  readonly #actors: Pick<Actors, 'read' | 'transact'>
  readonly #marks: MarkedActors
  readonly #enrollments: Pick<EnrollmentStore, 'find'>
  readonly #pds: Pick<PdsAccounts, 'open'>
  /** `did#fragment`, as stubs name the service. */
  readonly #service: string
  readonly #logger: Logger
  readonly #nowMs: () => number
  readonly #wakeUps: WakeUps<Did>
  readonly #all = new Semaphore(CONCURRENT)
  readonly #perPds = new Map<string, Semaphore>()
  readonly #leases: LeaseStore | null
  readonly #holder = randomUUID()
  #lookAround: NodeJS.Timeout | null = null

  constructor(options: {
    actors: Pick<Actors, 'read' | 'transact'>
    marks: MarkedActors
    /** null where this process is the only instance. */
    leases: LeaseStore | null
    enrollments: Pick<EnrollmentStore, 'find'>
    pds: Pick<PdsAccounts, 'open'>
    service: string
    logger: Logger
    nowMs: () => number
  }) {
    this.#actors = options.actors
    this.#marks = options.marks
    this.#leases = options.leases
    this.#enrollments = options.enrollments
    this.#pds = options.pds
    this.#service = options.service
    this.#logger = options.logger
    this.#nowMs = options.nowMs
    this.#wakeUps = new WakeUps(
      (did) => this.#drain(did),
      options.nowMs,
      (did, err) => this.#logger.error({ did, err }, 'stub queue cannot be drained'),
    )
  }

  /** Takes up what an earlier run left behind, and from time to time what other instances did. */
  async start(): Promise<void> {
    await this.#takeUp()
    if (this.#leases === null) return
    this.#lookAround = setInterval(() => {
      this.#takeUp().catch((err: unknown) => this.#logger.error({ err }, 'the stub backlog cannot be read'))
    }, LOOK_AROUND_EVERY_MS).unref()
  }

  async stop(): Promise<void> {
    if (this.#lookAround !== null) clearInterval(this.#lookAround)
    await this.#wakeUps.stop()
  }

  async #takeUp(): Promise<void> {
    for (const did of await this.#marks.list()) if (!this.#wakeUps.knows(did)) this.wake(did)
  }

  /** Remembers durably that there may be stubs to write; to be called before that is so. */
  async mark(did: Did): Promise<void> {
    await this.#marks.mark(did)
  }

  /** Makes everything due that waits for this user's PDS, because they have just signed in there. */
  async hasten(did: Did): Promise<void> {
    await this.#actors.transact(did, ({ stubs }) => stubs.hasten(this.#nowMs()))
    await this.mark(did)
    this.wake(did)
  }

  /** Resolves when nothing is under way for this user. */
  async idle(did: Did): Promise<void> {
    await this.#wakeUps.idle(did)
  }

  wake(did: Did): void {
    void this.#wakeUps.wake(did)
  }

  /** A page at a time: whoever has much to write takes turns with the others for the PDS's attention. */
  async #drain(did: Did): Promise<number | null> {
    const enrollment = await this.#enrollments.find(did)
    if (enrollment === null) return this.#drop(did)
    const nextAttemptAtMs = await this.#slot(enrollment.pdsEndpoint, () => this.#drainLeased(did))
    return nextAttemptAtMs ?? (await this.#unmarkWhenIdle(did))
  }

  /** @returns when to come back, or null if nothing is left to do */
  async #drainLeased(did: Did): Promise<number | null> {
    const leases = this.#leases
    if (leases === null) return (await this.#drainPage(did)).nextAttemptAtMs
    const takenUntilMs = await this.#takeLease(leases, did)
    // Whoever holds it may have looked before the newest job was there.
    if (takenUntilMs !== null) return takenUntilMs
    const renewal = setInterval(() => {
      this.#takeLease(leases, did).catch((err: unknown) => {
        this.#logger.warn({ did, err }, 'the lease of a stub queue cannot be renewed')
      })
    }, RENEW_EVERY_MS)
    try {
      return (await this.#drainPage(did)).nextAttemptAtMs
    } finally {
      clearInterval(renewal)
      await leases.release(did, this.#holder)
    }
  }

  async #takeLease(leases: LeaseStore, did: Did): Promise<number | null> {
    const nowMs = this.#nowMs()
    return leases.take(did, this.#holder, nowMs, nowMs + LEASE_MS)
  }

  async #drainPage(did: Did): Promise<DrainResult> {
    let account: PdsAccount | null = null
    const carryOut = async (job: Job): Promise<void> => {
      account ??= await this.#pds.open(did)
      await this.#carryOut(account, job)
    }
    const access: QueueAccess = {
      read: (work) => this.#actors.read(did, (stores) => work(stores.stubs)),
      transact: (work) => this.#actors.transact(did, (stores) => work(stores.stubs)),
    }
    return drainPage(access, carryOut, {
      nowMs: this.#nowMs,
      untilMs: this.#nowMs() + PAGE_MS,
      onFailure: (job, err) =>
        this.#logger.warn({ did, key: job.key, attempts: job.attempts, err }, 'stub not written'),
    })
  }

  /** Of an account that has left; its stubs are removed elsewhere. */
  async #drop(did: Did): Promise<null> {
    await this.#marks.drop(did)
    return null
  }

  async #unmarkWhenIdle(did: Did): Promise<number | null> {
    const { lastAtMs, givenUp } = await this.#actors.read(did, async ({ events, stubs }) => ({
      lastAtMs: await lastEventAtMs(events),
      givenUp: (await stubs.count()).givenUp,
    }))
    // Who counts what was given up finds it by the backlog.
    if (givenUp === 0) return this.#marks.unmarkWhenIdle(did, lastAtMs)
    this.#marks.forget(did)
    return null
  }

  async #carryOut(account: PdsAccount, job: Job): Promise<void> {
    const uri = `at://${account.did}/${job.key}`
    const { collection, rkey } = parseAtUri(uri)
    const stub = JSON.parse(job.payload) as StubJob
    if (stub.action === 'delete') return account.deleteRecord(collection, rkey)
    const { cid, createdAt } = stub
    const subject = {
      uri: formatAtUri({ did: account.did, collection, rkey }),
      cid,
      service: this.#service,
      nowIso: createdAt,
    }
    await account.putRecord(collection, rkey, buildStub({ $type: collection, createdAt }, subject))
  }

  async #slot<T>(pds: string, work: () => Promise<T>): Promise<T> {
    const slots = this.#perPds.get(pds) ?? new Semaphore(CONCURRENT_PER_PDS)
    this.#perPds.set(pds, slots)
    return slots.run(() => this.#all.run(work))
  }
}
