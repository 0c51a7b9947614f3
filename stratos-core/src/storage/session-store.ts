import type { Did } from '../ids.ts'

/** A proof key that speaks for one DID for a while. */
export interface SessionKey {
  /** RFC 7638 SHA-256 thumbprint of the public key: base64url without padding, 43 characters. */
  readonly jkt: string
  readonly did: Did
  readonly createdAtMs: number
  /** The key no longer counts from this moment on. */
  readonly expiresAtMs: number
}

/** Registered proof keys. One table for all instances, so that each of them sees a revocation. */
export interface SessionStore {
  /** @returns null if the key is unknown or had expired at `nowMs` */
  find(jkt: string, nowMs: number): Promise<SessionKey | null>
  /**
   * Registers a key, or renews it for the DID that has it already: both times move to the given ones. Atomic. An expired
   * registration, measured at `key.createdAtMs`, stands in nobody's way.
   *
   * @param maxPerDid how many keys of the DID stay; beyond that the oldest go
   * @returns `in-use` if the key speaks for another DID at this time; nothing is changed then
   */
  register(key: SessionKey, maxPerDid: number): Promise<'registered' | 'in-use'>
  /** Does nothing when the key is unknown. */
  delete(jkt: string): Promise<void>
  /** @returns how many keys the DID had */
  deleteAll(did: Did): Promise<number>
  /** Oldest first; may still contain expired keys. */
  list(did: Did): Promise<SessionKey[]>
}
