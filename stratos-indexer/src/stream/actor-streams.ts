import { setTimeout as pause } from 'node:timers/promises'
import { ServiceStream, type ServiceStreamParts } from './service-stream.ts'

const RECORDS = 'zone.stratos.sync.subscribeRecords'
const EVERY_MS = 500

interface ActorStreamsParts extends ServiceStreamParts {
  readonly config: ServiceStreamParts['config'] & { readonly maxActorStreams: number }
}

interface Following {
  readonly stop: AbortController
  readonly ended: Promise<void>
}

/**
 * Follows a service that has no stream of everything: one connection tells of enrollments, and one for each enrolled account of
 * their records. Each has a cursor of its own.
 */
export class ActorStreams {
  readonly #parts: ActorStreamsParts
  readonly #enrollments: ServiceStream
  readonly #following = new Map<string, Following>()

  constructor(parts: ActorStreamsParts) {
    this.#parts = parts
    this.#enrollments = new ServiceStream(parts, { nsid: RECORDS, did: '' })
  }

  get isConnected(): boolean {
    return this.#enrollments.isConnected
  }

  /** Resolves when the signal aborts. */
  async run(): Promise<void> {
    await Promise.all([this.#enrollments.run(), this.#followActors()])
  }

  async #followActors(): Promise<void> {
    const { signal, logger } = this.#parts
    while (!signal.aborted) {
      try {
        await this.#adjust()
      } catch (err) {
        logger.warn({ err }, 'enrolled accounts cannot be listed')
      }
      await pause(EVERY_MS, undefined, { signal }).catch(() => undefined)
    }
    await Promise.all([...this.#following.values()].map(({ ended }) => ended))
  }

  /** Follows those who are enrolled, and nobody else. */
  async #adjust(): Promise<void> {
    const { database, client, config, logger } = this.#parts
    const service = client.place.did
    const rows = await database.db
      .selectFrom('stratos_enrollment')
      .select('did')
      .where('service', '=', service)
      .orderBy('enrolledAt')
      .execute()
    const enrolled = new Set(rows.map(({ did }) => did))
    for (const [did, { stop }] of this.#following) if (!enrolled.has(did)) stop.abort()
    for (const did of enrolled) {
      if (this.#following.has(did)) continue
      if (this.#following.size >= config.maxActorStreams) {
        logger.error({ service, enrolled: enrolled.size }, 'not everybody can be followed')
        return
      }
      this.#follow(did)
    }
  }

  #follow(did: string): void {
    const stop = new AbortController()
    const signal = AbortSignal.any([this.#parts.signal, stop.signal])
    const stream = new ServiceStream({ ...this.#parts, signal }, { nsid: RECORDS, did })
    const ended = stream.run().finally(() => this.#following.delete(did))
    this.#following.set(did, { stop, ended })
  }
}
