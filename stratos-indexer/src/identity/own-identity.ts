import { randomBytes, randomUUID } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { Secp256k1Keypair } from '@atproto/crypto'

const LIFE_SEC = 60

/** Who this process is to services: a `did:web` with a key of its own. */
export class OwnIdentity {
  readonly did: string
  readonly #key: Secp256k1Keypair

  private constructor(did: string, key: Secp256k1Keypair) {
    this.did = did
    this.#key = key
  }

  /** @param settings.key wins over the file, which is made when it is missing */
  static async open(settings: {
    did: string
    key: Uint8Array | null
    keyFile: string
  }): Promise<OwnIdentity> {
    const key = settings.key ?? readOrMake(settings.keyFile)
    return new OwnIdentity(settings.did, await Secp256k1Keypair.import(key))
  }

  /** Where the DID document is, and everything else that this process serves. */
  get url(): string {
    const host = decodeURIComponent(this.did.slice('did:web:'.length))
    return `${host.split(':')[0] === 'localhost' ? 'http' : 'https'}://${host}`
  }

  /**
   * To be served as `/.well-known/did.json`.
   *
   * @param isAppview whether the read API can be called as `#stratos_appview`
   */
  document(isAppview: boolean): Readonly<Record<string, unknown>> {
    return {
      '@context': ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/multikey/v1'],
      id: this.did,
      verificationMethod: [
        {
          id: `${this.did}#atproto`,
          type: 'Multikey',
          controller: this.did,
          publicKeyMultibase: this.#key.did().slice('did:key:'.length),
        },
      ],
      service: isAppview
        ? [{ id: '#stratos_appview', type: 'StratosAppView', serviceEndpoint: this.url }]
        : [],
    }
  }

  /**
   * A token for one call.
   *
   * @see https://atproto.com/specs/xrpc#inter-service-authentication-jwt
   */
  async signToken(aud: string, lxm: string): Promise<string> {
    const iat = Math.floor(Date.now() / 1000)
    const claims = { iss: this.did, aud, lxm, iat, exp: iat + LIFE_SEC, jti: randomUUID() }
    const signed = [{ typ: 'JWT', alg: this.#key.jwtAlg }, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.')
    const signature = await this.#key.sign(Buffer.from(signed))
    return `${signed}.${Buffer.from(signature).toString('base64url')}`
  }
}

function readOrMake(file: string): Uint8Array {
  if (!existsSync(file)) {
    writeFileSync(file, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600, flag: 'wx', flush: true })
  }
  const text = readFileSync(file, 'utf8').trim()
  if (!/^[0-9a-f]{64}$/.test(text)) throw new Error(`${file} does not hold a key of 64 hexadecimal digits`)
  return Buffer.from(text, 'hex')
}
