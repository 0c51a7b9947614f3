import type { Kysely } from 'kysely'
import { parseDid, type Did, type IndexedEvent } from 'stratos-core'
import type { Logger } from '../logger.ts'
import { SQLITE } from './dialect.ts'
import type { NewEvent } from './event-log.ts'
import { pages } from './pages.ts'
import type { ServiceTables } from './schema.ts'
import { commitEntry, serviceLog } from './service-feed.ts'
import { Statements } from './statements.ts'
import { inTransaction } from './transaction.ts'

/** Events that wait in memory for their place; beyond that they are read from the actors' own logs again. */
const MAX_WAITING = 20_000
const READ_AT_ONCE = 500
/** An actor that was not written to for so long is taken off the list. */
const IDLE_MS = 60_000
const RETRY_MS = 1_000

export interface SqliteSequencerOptions {
  readonly service: Kysely<ServiceTables>
  /** Events of an actor's own feed; null if there is no such actor any more. */
  readonly readEvents: (did: Did, after: number, limit: number) => Promise<readonly IndexedEvent[] | null>
  /** The actor's number; null as above. */
  readonly findNumber: (did: Did) => Promise<number | null>
  /** How long commits may wait for others, so that many share one transaction. */
  readonly delayMs: () => number
  /** Told when commits have their places. */
  readonly sequenced: () => void
  readonly logger: Logger
  readonly nowMs: () => number
}

/**
 * Gives every commit its place in the feed of the service, where each actor has a database of their own.
 *
 * A commit is durable in the actor's database first and gets its place moments later, many at a time. So that none is
 * forgotten when the process dies in between, the service's database lists the actors whose feeds may be ahead, each with
 * the last event that has its place. An actor is put there before the first such commit is durable and taken off when
 * they were idle for a while; a restart looks at those on the list and at nobody else.
 */
export class SqliteSequencer {
  readonly #options: SqliteSequencerOptions
  readonly #statements = new Statements()
  /** Actors on the list. */
  readonly #marked = new Map<Did, { usedAtMs: number; readonly seq: number }>()
  #marking: { readonly rows: Map<Did, number>; readonly done: Promise<void> } | null = null
  #waiting = new Map<Did, IndexedEvent[]>()
  #count = 0
  /** Actors whose events are not in memory, with the last one that has its place. */
  #behind = new Map<Did, number>()
  #timer: NodeJS.Timeout | null = null
  #running: Promise<void> = Promise.resolve()
  readonly #sweep: NodeJS.Timeout
  #closed = false

  constructor(options: SqliteSequencerOptions) {
    this.#options = options
    this.#sweep = setInterval(() => void this.#queue(() => this.#unmarkIdle(IDLE_MS)), IDLE_MS / 2)
    this.#sweep.unref()
  }

  /** Gives their places to the commits that an earlier run left without. */
  async start(): Promise<void> {
    const { service, nowMs } = this.#options
    const rows = await service.selectFrom('feed_backlog').selectAll().execute()
    for (const { did, seq } of rows) {
      this.#marked.set(parseDid(did), { usedAtMs: nowMs(), seq })
      this.#behind.set(parseDid(did), seq)
    }
    await this.#flush()
  }

  /** Notes durably that an actor's feed goes on after `seq`. To be called before that is durable. */
  async mark(did: Did, seq: number): Promise<void> {
    const marked = this.#marked.get(did)
    if (marked !== undefined) {
      marked.usedAtMs = this.#options.nowMs()
      return
    }
    // Whoever asks at the same time shares one transaction.
    this.#marking ??= this.#startMarking()
    this.#marking.rows.set(did, seq)
    await this.#marking.done
  }

  /** Takes an event that is durable in its actor's feed. */
  push(did: Did, event: IndexedEvent): void {
    const waiting = this.#waiting.get(did)
    if (waiting === undefined) this.#waiting.set(did, [event])
    else waiting.push(event)
    this.#count += 1
    if (this.#count > MAX_WAITING) this.#dropWaiting()
    this.#schedule(this.#options.delayMs())
  }

  /** Looks for events of an actor behind `seq`, of which it is not certain whether they are there. */
  lookBehind(did: Did, seq: number): void {
    // Those that wait in memory are read once more with them.
    const [first] = this.#waiting.get(did) ?? []
    this.#setBehind(did, first === undefined ? seq : Math.min(seq, first.seq - 1))
    this.#schedule(RETRY_MS)
  }

  /** Forgets an actor that is being destroyed, with the events that have no place yet. */
  async forget(did: Did): Promise<void> {
    await this.#queue(async () => {
      this.#waiting.delete(did)
      this.#behind.delete(did)
      this.#marked.delete(did)
      await this.#options.service.deleteFrom('feed_backlog').where('did', '=', did).execute()
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#sweep)
    if (this.#timer !== null) clearTimeout(this.#timer)
    await this.#queue(() => this.#flush())
    await this.#queue(() => this.#unmarkIdle(0))
  }

  #startMarking() {
    const rows = new Map<Did, number>()
    const done = Promise.resolve().then(async () => {
      this.#marking = null
      const values = [...rows].map(([did, seq]) => ({ did, seq }))
      await this.#list(values)
      const usedAtMs = this.#options.nowMs()
      for (const { did, seq } of values) this.#marked.set(did, { usedAtMs, seq })
    })
    return { rows, done }
  }

  #schedule(delayMs: number): void {
    if (this.#timer !== null || this.#closed) return
    this.#timer = setTimeout(() => {
      this.#timer = null
      void this.#queue(() => this.#flush())
    }, delayMs)
  }

  /** One thing at a time. What fails is told, and tried again. */
  #queue(work: () => Promise<void>): Promise<void> {
    this.#running = this.#running.then(work).catch((err: unknown) => {
      this.#options.logger.error({ err }, 'the feed of the service cannot be written')
      this.#schedule(RETRY_MS)
    })
    return this.#running
  }

  async #flush(): Promise<void> {
    const failures: unknown[] = []
    for (const [did, seq] of this.#behind) {
      await this.#catchUp(did, seq).catch((err: unknown) => failures.push(err))
    }
    const batch = this.#takeWaiting()
    if (batch.size > 0) {
      try {
        await this.#store(batch)
        this.#options.sequenced()
      } catch (err) {
        for (const [did, events] of batch) this.#readAgain(did, events)
        failures.push(err)
      }
    }
    if (failures.length > 0) throw failures[0]
  }

  /** All but those whose earlier events are still to be read. */
  #takeWaiting(): ReadonlyMap<Did, readonly IndexedEvent[]> {
    const taken = this.#waiting
    this.#waiting = new Map()
    this.#count = 0
    for (const did of this.#behind.keys()) taken.delete(did)
    return taken
  }

  async #catchUp(did: Did, seq: number): Promise<void> {
    for (;;) {
      const after = this.#behind.get(did) ?? seq
      const events = await this.#options.readEvents(did, after, READ_AT_ONCE)
      const last = events?.at(-1)
      if (events === null || last === undefined) break
      await this.#store(new Map([[did, events]]))
      this.#behind.set(did, last.seq)
    }
    // What is in memory was read as well, all but what came since.
    const stored = this.#behind.get(did) ?? seq
    this.#behind.delete(did)
    const waiting = this.#waiting.get(did)?.filter((event) => event.seq > stored)
    if (waiting !== undefined) this.#waiting.set(did, waiting)
    this.#options.sequenced()
  }

  async #store(batch: ReadonlyMap<Did, readonly IndexedEvent[]>): Promise<void> {
    const events: NewEvent[] = []
    const positions: { did: Did; seq: number }[] = []
    for (const [did, list] of batch) {
      const [number, last] = [await this.#options.findNumber(did), list.at(-1)]
      if (number === null || last === undefined) continue
      for (const event of list) events.push(commitEntry(number, event))
      positions.push({ did, seq: last.seq })
    }
    if (events.length === 0) return
    await inTransaction(this.#options.service, async (trx) => {
      await serviceLog(trx, SQLITE, this.#statements).appendAll(events)
      for (const page of pages(positions)) {
        await trx
          .insertInto('feed_backlog')
          .values(page)
          .onConflict((conflict) =>
            conflict.column('did').doUpdateSet((eb) => ({ seq: eb.ref('excluded.seq') })),
          )
          .execute()
      }
    })
  }

  #dropWaiting(): void {
    for (const [did, events] of this.#waiting) this.#readAgain(did, events)
    this.#waiting = new Map()
    this.#count = 0
  }

  #readAgain(did: Did, events: readonly IndexedEvent[]): void {
    const [first] = events
    if (first !== undefined) this.#setBehind(did, first.seq - 1)
  }

  #setBehind(did: Did, seq: number): void {
    this.#behind.set(did, Math.min(seq, this.#behind.get(did) ?? Infinity))
  }

  async #unmarkIdle(idleMs: number): Promise<void> {
    const { service, nowMs } = this.#options
    const idle = [...this.#marked].filter(
      ([did, { usedAtMs }]) =>
        nowMs() - usedAtMs >= idleMs && !this.#waiting.has(did) && !this.#behind.has(did),
    )
    for (const page of pages(idle.map(([did]) => did))) {
      // Forget first: a write that comes now marks the actor again, before or after the removal.
      for (const did of page) this.#marked.delete(did)
      await service.deleteFrom('feed_backlog').where('did', 'in', page).execute()
      const again = page.flatMap((did) => {
        const marked = this.#marked.get(did)
        return marked === undefined ? [] : [{ did, seq: marked.seq }]
      })
      await this.#list(again)
    }
  }

  async #list(rows: readonly { readonly did: Did; readonly seq: number }[]): Promise<void> {
    for (const page of pages(rows)) {
      await this.#options.service
        .insertInto('feed_backlog')
        .values(page)
        .onConflict((conflict) => conflict.doNothing())
        .execute()
    }
  }
}
