import { generateKeyPairSync, hash, randomUUID, sign, type KeyObject } from 'node:crypto'
import { P256Keypair, Secp256k1Keypair } from '@atproto/crypto'
import { parseDid, type Did, type SessionKey, type SessionStore, type SigningKeyResolver } from 'stratos-core'

export type Alg = 'ES256' | 'ES256K'

/** A member set to `undefined` is left out of the token. */
export type Members = Readonly<Record<string, unknown>>

export function encodeJson(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

/** The key of an OAuth client, which signs its DPoP proofs. */
export class ClientKey {
  readonly alg: Alg
  readonly jwk: { readonly kty: string; readonly crv: string; readonly x: string; readonly y: string }
  readonly jkt: string
  readonly #privateKey: KeyObject

  constructor(alg: Alg = 'ES256') {
    const { privateKey, publicKey } = generateKeyPairSync('ec', {
      namedCurve: alg === 'ES256' ? 'P-256' : 'secp256k1',
    })
    const { kty = '', crv = '', x = '', y = '' } = publicKey.export({ format: 'jwk' })
    this.alg = alg
    this.jwk = { kty, crv, x, y }
    this.jkt = hash('sha256', JSON.stringify({ crv, kty, x, y }), 'base64url')
    this.#privateKey = privateKey
  }

  /** Signs exactly these members: a proof for `claims` that is right but for what they and `header` say. */
  proof(claims: Members, header: Members = {}): string {
    const fullHeader = { typ: 'dpop+jwt', alg: this.alg, jwk: this.jwk, ...header }
    return this.signText(`${encodeJson(fullHeader)}.${encodeJson({ jti: randomUUID(), ...claims })}`)
  }

  signText(signingInput: string): string {
    const key = { key: this.#privateKey, dsaEncoding: 'ieee-p1363' } as const
    return `${signingInput}.${sign('sha256', Buffer.from(signingInput), key).toString('base64url')}`
  }
}

export function ath(token: string): string {
  return hash('sha256', token, 'base64url')
}

/** An account with its `#atproto` key. */
export class Account {
  readonly did: Did
  readonly #keypair: P256Keypair | Secp256k1Keypair

  private constructor(did: Did, keypair: P256Keypair | Secp256k1Keypair) {
    this.did = did
    this.#keypair = keypair
  }

  static async create(did: string, alg: Alg = 'ES256K'): Promise<Account> {
    return new Account(
      parseDid(did),
      await (alg === 'ES256' ? P256Keypair.create() : Secp256k1Keypair.create()),
    )
  }

  get signingKey(): string {
    return this.#keypair.did()
  }

  /** Signs exactly these members, as `ClientKey.proof` does. */
  async serviceJwt(claims: Members, header: Members = {}): Promise<string> {
    const fullHeader = { typ: 'JWT', alg: this.#keypair.jwtAlg, ...header }
    const input = `${encodeJson(fullHeader)}.${encodeJson({ iss: this.did, jti: randomUUID(), ...claims })}`
    return `${input}.${Buffer.from(await this.#keypair.sign(Buffer.from(input))).toString('base64url')}`
  }
}

/** DID documents, as this service sees them: a cache that `refresh` brings up to date. */
export class Directory implements SigningKeyResolver {
  readonly #published = new Map<Did, string>()
  readonly #cached = new Map<Did, string>()
  readonly #unresolvable: () => Error
  refreshes = 0

  constructor(unresolvable: () => Error) {
    this.#unresolvable = unresolvable
  }

  publish(did: Did, signingKey: string): void {
    this.#published.set(did, signingKey)
  }

  async resolveSigningKey(did: Did, options: { readonly refresh?: boolean } = {}): Promise<string> {
    if (options.refresh === true) this.refreshes += 1
    const key = (options.refresh === true ? undefined : this.#cached.get(did)) ?? this.#published.get(did)
    if (key === undefined) throw this.#unresolvable()
    this.#cached.set(did, key)
    return key
  }
}

/** A session store in memory, shared by as many "instances" as a test makes. */
export class MemorySessionStore implements SessionStore {
  readonly #keys = new Map<string, SessionKey>()
  reads = 0

  async find(jkt: string, nowMs: number): Promise<SessionKey | null> {
    this.reads += 1
    const key = this.#keys.get(jkt)
    return key !== undefined && key.expiresAtMs > nowMs ? key : null
  }

  async register(key: SessionKey, maxPerDid: number): Promise<'registered' | 'in-use'> {
    const taken = this.#keys.get(key.jkt)
    if (taken !== undefined && taken.did !== key.did && taken.expiresAtMs > key.createdAtMs) return 'in-use'
    this.#keys.delete(key.jkt)
    this.#keys.set(key.jkt, key)
    const own = await this.list(key.did)
    for (const surplus of own.slice(0, Math.max(0, own.length - maxPerDid))) this.#keys.delete(surplus.jkt)
    return 'registered'
  }

  async delete(jkt: string): Promise<void> {
    this.#keys.delete(jkt)
  }

  async deleteAll(did: Did): Promise<number> {
    const own = await this.list(did)
    for (const { jkt } of own) this.#keys.delete(jkt)
    return own.length
  }

  async list(did: Did): Promise<SessionKey[]> {
    return [...this.#keys.values()].filter((key) => key.did === did)
  }
}
