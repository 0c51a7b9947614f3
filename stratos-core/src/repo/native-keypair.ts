/**
 * Signing keys that sign with the platform's own ECDSA: the same signatures as `@atproto/crypto` makes in JavaScript, an
 * order of magnitude faster.
 */
import { type KeyObject, createECDH, createPrivateKey } from 'node:crypto'
import { type Keypair, formatDidKey } from '@atproto/crypto'
import { type Curve, P256, SECP256K1 } from './curves.ts'
import { signEcdsa } from './ecdsa.ts'
import { toLowS } from './low-s.ts'

const PRIVATE_KEY_BYTES = 32

/** A key pair that can be stored: `export` gives back what `import…Keypair` takes. */
export class NativeKeypair implements Keypair {
  readonly jwtAlg: Curve['jwtAlg']
  readonly #curve: Curve
  readonly #key: KeyObject
  readonly #raw: Uint8Array
  readonly #did: string

  /**
   * @param raw big-endian, 32 bytes
   * @throws {RangeError} if that is not a private key of the curve
   */
  constructor(curve: Curve, raw: Uint8Array) {
    const point = publicPoint(curve, raw)
    this.jwtAlg = curve.jwtAlg
    this.#curve = curve
    this.#raw = Uint8Array.from(raw)
    this.#did = formatDidKey(curve.jwtAlg, point)
    const [d, x, y] = [raw, point.subarray(1, 33), point.subarray(33)].map((part) =>
      Buffer.from(part).toString('base64url'),
    )
    this.#key = createPrivateKey({ key: { kty: 'EC', crv: curve.jwkName, d, x, y }, format: 'jwk' })
  }

  /** The public key as `did:key`. */
  did(): string {
    return this.#did
  }

  /** @returns 64 bytes: `r` and `s` over the SHA-256 of `bytes`, low-S */
  async sign(bytes: Uint8Array): Promise<Uint8Array> {
    return toLowS(await signEcdsa(this.#key, bytes), this.#curve)
  }

  /** The private key, 32 bytes. Whoever has them can sign in the name of its owner. */
  export(): Uint8Array {
    return Uint8Array.from(this.#raw)
  }
}

export function createP256Keypair(): NativeKeypair {
  return createKeypair(P256)
}

export function createSecp256k1Keypair(): NativeKeypair {
  return createKeypair(SECP256K1)
}

/** @throws {RangeError} if `raw` is not a private key */
export function importP256Keypair(raw: Uint8Array): NativeKeypair {
  return new NativeKeypair(P256, raw)
}

/** @throws {RangeError} if `raw` is not a private key */
export function importSecp256k1Keypair(raw: Uint8Array): NativeKeypair {
  return new NativeKeypair(SECP256K1, raw)
}

function createKeypair(curve: Curve): NativeKeypair {
  const generator = createECDH(curve.opensslName)
  generator.generateKeys()
  const raw = generator.getPrivateKey()
  // OpenSSL leaves out leading zeros.
  return new NativeKeypair(curve, Buffer.concat([Buffer.alloc(PRIVATE_KEY_BYTES - raw.length), raw]))
}

/** The uncompressed public point that belongs to a private key. */
function publicPoint(curve: Curve, raw: Uint8Array): Buffer {
  if (raw.byteLength !== PRIVATE_KEY_BYTES) throw new RangeError('a private key must have 32 bytes')
  const exchange = createECDH(curve.opensslName)
  try {
    exchange.setPrivateKey(raw)
  } catch (err) {
    throw new RangeError(`not a private key of ${curve.jwkName}`, { cause: err })
  }
  return exchange.getPublicKey()
}
