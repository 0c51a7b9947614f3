import {
  buildStub,
  formatAtUri,
  parseAtUri,
  type Actors,
  type BacklogStore,
  type Did,
  type EnrollmentStore,
  type Job,
} from 'stratos-core'
import type { Logger } from '../logger.ts'
import { drainPage, type DrainResult, type QueueAccess } from './drain.ts'
import type { PdsAccount, PdsAccounts } from './pds-accounts.ts'
import { Semaphore } from '../limits/semaphore.ts'
import { WakeUps } from './wake-ups.ts'

const CONCURRENT_PER_PDS = 4
const CONCURRENT = 64
const IDLE_MS = 60_000

type StubJob = { action: 'put'; cid: string; createdAt: string } | { action: 'delete' }

/**
 * Carries public stubs to the users' PDSes. The jobs lie in the actors' own databases, written by the commits that make
 * them necessary; this drains them, in order for each actor and side by side for different ones.
 */
export class StubWriter {
  readonly #actors: Pick<Actors, 'read' | 'transact'>
  readonly #backlog: BacklogStore
  readonly #enrollments: Pick<EnrollmentStore, 'find'>
  readonly #pds: Pick<PdsAccounts, 'open'>
  /** `did#fragment`, as stubs name the service. */
  readonly #service: string
  readonly #logger: Logger
  readonly #nowMs: () => number
  readonly #wakeUps: WakeUps<Did>
  readonly #all = new Semaphore(CONCURRENT)
  readonly #perPds = new Map<string, Semaphore>()
  /** Actors in the backlog store, as far as this instance put them there. */
  readonly #marked = new Map<Did, { idleSinceMs: number }>()

  constructor(options: {
    actors: Pick<Actors, 'read' | 'transact'>
    backlog: BacklogStore
    enrollments: Pick<EnrollmentStore, 'find'>
    pds: Pick<PdsAccounts, 'open'>
    service: string
    logger: Logger
    nowMs: () => number
  }) {
    this.#actors = options.actors
    this.#backlog = options.backlog
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

  /** Takes up what an earlier run left behind. */
  async start(): Promise<void> {
    for (const did of await this.#backlog.list()) {
      this.#marked.set(did, { idleSinceMs: this.#nowMs() })
      this.wake(did)
    }
  }

  async stop(): Promise<void> {
    await this.#wakeUps.stop()
  }

  async mark(did: Did): Promise<void> {
    if (!this.#marked.has(did)) await this.#backlog.add(did)
    this.#marked.set(did, { idleSinceMs: this.#nowMs() })
  }

  wake(did: Did): void {
    void this.#wakeUps.wake(did)
  }

  /** A page at a time: whoever has much to write takes turns with the others for the PDS's attention. */
  async #drain(did: Did): Promise<number | null> {
    const pds = (await this.#enrollments.find(did))?.pdsEndpoint ?? ''
    const { nextAttemptAtMs } = await this.#slot(pds, () => this.#drainPage(did))
    return nextAttemptAtMs ?? (await this.#unmarkWhenIdle(did))
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
      onFailure: (job, err) =>
        this.#logger.warn({ did, key: job.key, attempts: job.attempts, err }, 'stub not written'),
    })
  }

  /** A busy actor stays marked, so that its writes need not be preceded by one to the backlog. */
  async #unmarkWhenIdle(did: Did): Promise<number | null> {
    const idleSinceMs = this.#marked.get(did)?.idleSinceMs ?? 0
    if (this.#nowMs() - idleSinceMs < IDLE_MS) return idleSinceMs + IDLE_MS
    const { givenUp } = await this.#actors.read(did, ({ stubs }) => stubs.count())
    // Forget first: a write that comes now marks the actor again, before or after the removal.
    this.#marked.delete(did)
    // Who counts what was given up finds it by the backlog.
    if (givenUp > 0) return null
    await this.#backlog.remove(did)
    if (this.#marked.has(did)) await this.#backlog.add(did)
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
