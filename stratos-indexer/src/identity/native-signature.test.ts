import { P256Keypair, Secp256k1Keypair } from '@atproto/crypto'
import { describe, expect, it } from 'vitest'
import { isNativeSignature } from './native-signature.ts'

const ORDERS = {
  ES256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  ES256K: 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n,
} as const

describe.each([
  ['ES256', P256Keypair],
  ['ES256K', Secp256k1Keypair],
] as const)('a signature with %s', (alg, kind) => {
  it('holds for what was signed, with that key, in the one form', async () => {
    const [key, other] = [await kind.create(), await kind.create()]
    const bytes = Buffer.from('signed')
    for (let n = 0; n < 20; n += 1) {
      const signature = await key.sign(bytes)
      expect(isNativeSignature(key.did(), bytes, signature, alg)).toBe(true)
      expect(isNativeSignature(other.did(), bytes, signature, alg)).toBe(false)
      expect(isNativeSignature(key.did(), Buffer.from('other'), signature, alg)).toBe(false)
      expect(isNativeSignature(key.did(), bytes, signature.subarray(1), alg)).toBe(false)
      expect(isNativeSignature(key.did(), bytes, signature, alg === 'ES256' ? 'ES256K' : 'ES256')).toBe(false)
      expect(isNativeSignature(key.did(), bytes, signature, 'none')).toBe(false)

      // Its twin with the other s is mathematically as good.
      const s = BigInt(`0x${Buffer.from(signature.subarray(32)).toString('hex')}`)
      const twin = Buffer.from((ORDERS[alg] - s).toString(16).padStart(64, '0'), 'hex')
      const high = Buffer.concat([signature.subarray(0, 32), twin])
      expect(isNativeSignature(key.did(), bytes, high, alg)).toBe(false)
    }
  })

  it('of zeros, or of what is no key, does not hold', async () => {
    const key = await kind.create()
    expect(isNativeSignature(key.did(), Buffer.from(''), new Uint8Array(64), alg)).toBe(false)
    expect(() => isNativeSignature('did:key:z6Mk', Buffer.from(''), new Uint8Array(64), alg)).toThrow()
  })
})
