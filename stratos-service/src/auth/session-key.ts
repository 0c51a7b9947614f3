import { parseNsid, StratosError, type Did, type SessionKey, type SessionStore } from 'stratos-core'
import type { AccessChange } from './access-changes.ts'
import { LruCache } from '../limits/lru-cache.ts'
import type { ServiceJwts } from './service-jwt.ts'

/** The method that registers a key, and so the `lxm` of the token that permits it. */
export const CREATE_SESSION = parseNsid('zone.stratos.server.createSession')

const MAX_KEYS_PER_DID = 50
/** For how long another instance may still accept a key that this one has dropped. */
const MAX_CACHE_AGE_MS = 5_000
const MAX_CACHED_KEYS = 10_000

/**
 * Which DID a proof key speaks for.
 *
 * An account says so once, with a service-auth JWT; from then on the key's signature is enough until the registration
 * ends. Tokens that come along with it are never read: nobody but their own PDS could check them.
 */
export class SessionKeys {
  readonly #store: SessionStore
  readonly #jwts: Pick<ServiceJwts, 'verify'>
  readonly #ttlMs: number
  readonly #nowMs: () => number
  readonly #ended: (change: AccessChange) => void
  /** Only keys that exist: a key that was just registered with another instance must be found. */
  readonly #cache = new LruCache<string, { readonly key: SessionKey; readonly readAtMs: number }>(
    MAX_CACHED_KEYS,
  )

  constructor(options: {
    readonly store: SessionStore
    readonly jwts: Pick<ServiceJwts, 'verify'>
    readonly ttlMs: number
    readonly nowMs: () => number
    /** Told when a session or all sessions of a DID have ended before their time. */
    readonly ended?: (change: AccessChange) => void
  }) {
    this.#store = options.store
    this.#jwts = options.jwts
    this.#ttlMs = options.ttlMs
    this.#nowMs = options.nowMs
    this.#ended = options.ended ?? (() => undefined)
  }

  /**
   * Lets a key speak for the DID that signed `serviceAuth`, or renews it for the same DID.
   *
   * @param serviceAuth service-auth JWT for `zone.stratos.server.createSession`; used up by the call
   * @param jkt thumbprint of a key whose possession was proven in the same request
   * @param useProof uses that proof up; called once the token is found good
   * @throws {StratosError} `AuthenticationRequired` if the token is refused, `KeyInUse` if the key speaks for another DID
   */
  async register(
    serviceAuth: string,
    jkt: string,
    useProof: () => Promise<void> = async () => undefined,
  ): Promise<SessionKey> {
    const { iss } = await this.#jwts.verify(serviceAuth, { lxm: CREATE_SESSION, once: true })
    await useProof()
    const createdAtMs = this.#nowMs()
    const key = { jkt, did: iss, createdAtMs, expiresAtMs: createdAtMs + this.#ttlMs }
    if ((await this.#store.register(key, MAX_KEYS_PER_DID)) === 'in-use') {
      throw new StratosError('KeyInUse', 'this key is registered for another account')
    }
    this.#cache.delete(jkt)
    return key
  }

  /** @returns null unless the key is registered and has not expired */
  async find(jkt: string): Promise<SessionKey | null> {
    const nowMs = this.#nowMs()
    const cached = this.#cache.get(jkt)
    if (cached !== undefined && nowMs - cached.readAtMs < MAX_CACHE_AGE_MS) {
      return cached.key.expiresAtMs > nowMs ? cached.key : null
    }
    const key = await this.#store.find(jkt, nowMs)
    if (key === null) this.#cache.delete(jkt)
    else this.#cache.set(jkt, { key, readAtMs: nowMs })
    return key
  }

  /** The keys of a DID that count now, oldest first. */
  async list(did: Did): Promise<SessionKey[]> {
    const nowMs = this.#nowMs()
    return (await this.#store.list(did)).filter(({ expiresAtMs }) => expiresAtMs > nowMs)
  }

  /** Ends one session of a DID. Does nothing for a key that is unknown or somebody else's. */
  async delete(did: Did, jkt: string): Promise<void> {
    const key = await this.#store.find(jkt, this.#nowMs())
    if (key?.did !== did) return
    await this.#store.delete(jkt)
    this.#cache.delete(jkt)
    this.#ended({ jkt })
  }

  /** Ends all sessions of a DID. @returns how many there were */
  async deleteAll(did: Did): Promise<number> {
    const count = await this.#store.deleteAll(did)
    this.forget({ did })
    this.#ended({ did })
    return count
  }

  /** Reads again what another instance may have ended. */
  forget(change: AccessChange): void {
    if ('jkt' in change) this.#cache.delete(change.jkt)
    else this.#cache.deleteWhere(({ key }) => key.did === change.did)
  }
}
