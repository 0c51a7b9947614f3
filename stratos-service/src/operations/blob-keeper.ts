import type { Actors, BlobCheck, BlobEntry, BlobIndex, BlobStore, Did } from 'stratos-core'
import { backOffMs } from '../limits/back-off.ts'
import { KeyedLock } from '../limits/keyed-lock.ts'
import type { MarkedActors } from '../limits/marked-actors.ts'
import { Semaphore } from '../limits/semaphore.ts'
import { lastEventAtMs } from '../limits/last-event.ts'
import { WakeUps } from '../limits/wake-ups.ts'
import type { Logger } from '../logger.ts'
import { readIfPresent } from './read-if-present.ts'

const PAGE = 50
const CONCURRENT = 16
const SWEEP_EVERY_MS = 60 * 60_000
const LONGEST_BACK_OFF_MS = 10 * 60_000

/** Lets one piece of work at a time at each key, on all instances. */
export interface SharedLock {
  run<T>(key: string, work: () => Promise<T>): Promise<T>
}

/**
 * Makes the bytes of blobs follow what their index says: permanent once a record refers to them, in quarantine while
 * taken down, deleted when nothing refers to them any more. Each look at a blob first decides in a transaction of the
 * repo, then moves bytes, then writes down what was done; any of it may be repeated.
 */
export class BlobKeeper {
  readonly #actors: Pick<Actors, 'read' | 'transact'>
  readonly #store: BlobStore
  readonly #marks: MarkedActors
  readonly #lock: SharedLock
  readonly #temporaryMs: number
  readonly #alone: boolean
  readonly #logger: Logger
  readonly #nowMs: () => number
  readonly #wakeUps: WakeUps<Did>
  readonly #all = new Semaphore(CONCURRENT)
  /** Of this instance; `destroyBlobs` may be called by somebody who holds a shared lock. */
  readonly #here = new KeyedLock()
  #timer: NodeJS.Timeout | undefined

  constructor(options: {
    actors: Pick<Actors, 'read' | 'transact'>
    store: BlobStore
    marks: MarkedActors
    lock: SharedLock
    /** Uploads older than this that belong to no blob are left over from a crash. */
    temporaryMs: number
    /** Whether no other process can be uploading. */
    alone: boolean
    logger: Logger
    nowMs: () => number
  }) {
    this.#actors = options.actors
    this.#store = options.store
    this.#marks = options.marks
    this.#lock = options.lock
    this.#temporaryMs = options.temporaryMs
    this.#alone = options.alone
    this.#logger = options.logger
    this.#nowMs = options.nowMs
    this.#wakeUps = new WakeUps(
      (did) => this.#all.run(() => this.#tend(did)),
      options.nowMs,
      (did, err) => this.#logger.error({ did, err }, 'blobs cannot be looked after'),
    )
  }

  /** Takes up what an earlier run left behind, half-written uploads included. Does not wait for it. */
  async start(): Promise<void> {
    for (const did of await this.#marks.list()) this.wake(did)
    // A file system's clock may be a little behind.
    void this.#sweepSafely(this.#nowMs() - (this.#alone ? 1_000 : this.#leftOverMs()))
    this.#timer = setInterval(() => {
      void this.#sweepSafely(this.#nowMs() - this.#leftOverMs())
    }, SWEEP_EVERY_MS)
    this.#timer.unref()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#wakeUps.stop()
    await this.#here.run('sweep', async () => undefined)
  }

  /** Remembers durably that there may be something to do for this actor's blobs; to be called before that is so. */
  async mark(did: Did): Promise<void> {
    await this.#marks.mark(did)
  }

  wake(did: Did): void {
    void this.#wakeUps.wake(did)
  }

  /** Deletes the bytes of all blobs of an actor, for good. May be repeated. The index goes with the repo. */
  async destroyBlobs(did: Did): Promise<void> {
    await this.#here.run(did, () => this.#store.destroy(did))
  }

  /** Deletes temporary bytes of before `beforeMs` that belong to no blob. */
  async sweep(beforeMs: number): Promise<void> {
    for await (const { did, key, delete: remove } of this.#store.listTemporary(beforeMs)) {
      if (await this.#ofIndex(did, false, (blobs) => blobs.isKnownKey(key))) continue
      this.#logger.info({ did, key }, 'deleting an upload that nobody finished')
      await remove()
    }
  }

  async #sweepSafely(beforeMs: number): Promise<void> {
    try {
      await this.#here.run('sweep', () => this.sweep(beforeMs))
    } catch (err) {
      this.#logger.warn({ err }, 'unfinished uploads could not be swept')
    }
  }

  /** An upload may take minutes, however short the time is for which it is kept. */
  #leftOverMs(): number {
    return Math.max(this.#temporaryMs, 15 * 60_000)
  }

  async #tend(did: Did): Promise<number | null> {
    const due = await this.#ofIndex(did, [], (blobs) => blobs.listDue(this.#nowMs(), PAGE))
    for (const check of due) {
      try {
        await this.#here.run(did, () => this.#lock.run(`blobs ${did}`, () => this.#lookAt(did, check.cid)))
      } catch (err) {
        this.#logger.warn({ did, cid: check.cid, attempts: check.attempts, err }, 'blob not looked after')
        const laterMs = this.#nowMs() + Math.min(backOffMs(check.attempts + 1), LONGEST_BACK_OFF_MS)
        await this.#putOff(did, check, laterMs)
        // The next one would most likely fail for the same reason.
        return laterMs
      }
    }
    if (due.length === PAGE) return this.#nowMs()
    const nextAtMs = await this.#ofIndex(did, null, (blobs) => blobs.nextCheckAtMs())
    if (nextAtMs !== null) return nextAtMs
    const lastAtMs = await readIfPresent(this.#actors, did, ({ events }) => lastEventAtMs(events))
    return this.#marks.unmarkWhenIdle(did, lastAtMs ?? 0)
  }

  async #lookAt(did: Did, cid: string): Promise<void> {
    const decided = await this.#actors.transact(did, ({ blobs }) => this.#decide(blobs, cid))
    if (decided === null) return
    if (decided.doomed) return this.#collect(did, decided)
    const { temporaryKey, quarantined } = decided
    if (temporaryKey !== null) await this.#store.makePermanent(did, temporaryKey, cid)
    if (quarantined) await this.#store.quarantine(did, cid)
    else await this.#store.restore(did, cid)
    await this.#actors.transact(did, async ({ blobs }) => {
      if (temporaryKey !== null) await blobs.markPermanent(cid, temporaryKey)
      await this.#settle(blobs, cid, quarantined)
    })
  }

  /** @returns the blob if its bytes are to be moved or, when it is doomed, to be deleted */
  async #decide(blobs: BlobIndex, cid: string): Promise<BlobEntry | null> {
    const [entry] = await blobs.findMany([cid])
    if (entry === undefined || entry.doomed || entry.quarantined) return entry ?? null
    if (await blobs.isReferenced(cid)) return entry
    if (entry.keepUntilMs > this.#nowMs()) {
      await blobs.checkAgain({ cid, attempts: 0 }, entry.keepUntilMs)
      return null
    }
    await blobs.doom(cid)
    return { ...entry, doomed: true }
  }

  async #collect(did: Did, { cid, temporaryKey }: BlobEntry): Promise<void> {
    // If the same bytes are uploaded meanwhile, they lie under another key, and the entry is not doomed any more.
    if (temporaryKey !== null) await this.#store.deleteTemporary(did, temporaryKey)
    await this.#store.delete(did, cid)
    await this.#actors.transact(did, ({ blobs }) => blobs.remove(cid))
  }

  /** Ends the check unless something has happened to the blob since it was decided what to do. */
  async #settle(blobs: BlobIndex, cid: string, quarantined: boolean): Promise<void> {
    const [entry] = await blobs.findMany([cid])
    if (entry === undefined || entry.doomed || entry.temporaryKey !== null) return
    if (entry.quarantined !== quarantined) return
    if (quarantined || (await blobs.isReferenced(cid))) await blobs.checkAgain({ cid, attempts: 0 }, null)
  }

  async #putOff(did: Did, { cid, attempts }: BlobCheck, laterMs: number): Promise<void> {
    await this.#actors.transact(did, ({ blobs }) =>
      blobs.checkAgain({ cid, attempts: attempts + 1 }, laterMs),
    )
  }

  /** @returns `absent` if there is no such repo any more */
  async #ofIndex<T>(did: Did, absent: T, work: (blobs: BlobIndex) => Promise<T>): Promise<T> {
    const found = await readIfPresent(this.#actors, did, async ({ blobs }) => ({ value: await work(blobs) }))
    return found === null ? absent : found.value
  }
}
