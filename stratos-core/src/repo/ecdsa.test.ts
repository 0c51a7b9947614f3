import { type KeyObject, generateKeyPairSync, sign, verify } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { signEcdsa, verifyEcdsa, verifyEcdsaSideBySide } from './ecdsa.ts'

const message = new TextEncoder().encode('a message')
const asCompact = (key: KeyObject) => ({ key, dsaEncoding: 'ieee-p1363' }) as const

describe.each(['prime256v1', 'secp256k1'])('ECDSA on %s', (namedCurve) => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve })

  // One number in 256 is shorter than the others, and one in two needs a zero in front.
  it('makes signatures that the platform takes in the same form, whatever their numbers', async () => {
    for (let count = 0; count < 800; count++) {
      const signature = await signEcdsa(privateKey, message)
      expect(signature).toHaveLength(64)
      expect(verify('sha256', message, asCompact(publicKey), signature)).toBe(true)
    }
  })

  it('takes signatures that the platform makes in this form, whatever their numbers', () => {
    for (let count = 0; count < 800; count++) {
      expect(verifyEcdsa(publicKey, message, sign('sha256', message, asCompact(privateKey)))).toBe(true)
    }
  })

  it('does many at a time', async () => {
    const signatures = await Promise.all(Array.from({ length: 20 }, () => signEcdsa(privateKey, message)))
    const verified = signatures.map((signature) => verifyEcdsaSideBySide(publicKey, message, signature))
    expect(await Promise.all(verified)).toEqual(signatures.map(() => true))
  })

  it.each([
    ['of another message', new TextEncoder().encode('another'), (signature: Uint8Array) => signature],
    ['that is too short', message, (signature: Uint8Array) => signature.subarray(1)],
    ['that is too long', message, (signature: Uint8Array) => Uint8Array.of(...signature, 0)],
    ['in ASN.1', message, () => sign('sha256', message, privateKey)],
    ['of zeros', message, () => new Uint8Array(64)],
    ['of the largest numbers', message, () => new Uint8Array(64).fill(0xff)],
  ])('refuses a signature %s', async (_, bytes, change) => {
    const signature = change(await signEcdsa(privateKey, message))
    expect(verifyEcdsa(publicKey, bytes, signature)).toBe(false)
    expect(await verifyEcdsaSideBySide(publicKey, bytes, signature)).toBe(false)
  })
})
