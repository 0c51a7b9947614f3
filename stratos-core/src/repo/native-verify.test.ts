import { createPrivateKey, createPublicKey, createSecretKey, generateKeyPairSync } from 'node:crypto'
import * as atproto from '@atproto/crypto'
import { describe, expect, it } from 'vitest'
import { type Curve, P256, SECP256K1 } from './curves.ts'
import { createP256Keypair, createSecp256k1Keypair } from './native-keypair.ts'
import { verifySignature } from './native-verify.ts'

const CURVES = [
  { name: 'P-256', curve: P256, keypair: await atproto.P256Keypair.import(new Uint8Array(32).fill(0x33)) },
  {
    name: 'secp256k1',
    curve: SECP256K1,
    keypair: await atproto.Secp256k1Keypair.import(new Uint8Array(32).fill(0x11)),
  },
]

const message = new TextEncoder().encode('a commit')
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))
const scalar = (value: bigint): string => value.toString(16).padStart(64, '0')

/** The same signature with the other of its two values of `s`. */
function highS(signature: Uint8Array, curve: Curve): Uint8Array {
  const hex = hexOf(signature)
  return bytesOf(hex.slice(0, 64) + scalar(curve.order - BigInt(`0x${hex.slice(64)}`)))
}

function der(signature: Uint8Array): Uint8Array {
  const integers = [signature.subarray(0, 32), signature.subarray(32)].map((part) => {
    const hex = hexOf(part).replace(/^(00)+/, '')
    const positive = Number.parseInt(hex.slice(0, 2), 16) > 0x7f ? `00${hex}` : hex
    return `02${(positive.length / 2).toString(16).padStart(2, '0')}${positive}`
  })
  const body = integers.join('')
  return bytesOf(`30${(body.length / 2).toString(16).padStart(2, '0')}${body}`)
}

describe.each(CURVES)('verifySignature with $name', ({ curve, keypair }) => {
  it('accepts what @atproto/crypto signed, again and again', async () => {
    const signature = await keypair.sign(message)
    expect(verifySignature(keypair.did(), message, signature)).toBe(true)
    expect(verifySignature(keypair.did(), message, signature)).toBe(true)
  })

  it('accepts an imported key in place of the did:key', async () => {
    const { keyBytes } = atproto.parseDidKey(keypair.did())
    const [x, y] = [keyBytes.subarray(1, 33), keyBytes.subarray(33)].map((part) =>
      Buffer.from(part).toString('base64url'),
    )
    const key = createPublicKey({ key: { kty: 'EC', crv: curve.jwkName, x, y }, format: 'jwk' })
    expect(verifySignature(key, message, await keypair.sign(message))).toBe(true)
    expect(verifySignature(key, message.subarray(1), await keypair.sign(message))).toBe(false)
  })

  it('refuses the signature of another message', async () => {
    expect(verifySignature(keypair.did(), message, await keypair.sign(message.subarray(1)))).toBe(false)
  })

  it('refuses the signature of another key', async () => {
    for (const other of [createP256Keypair(), createSecp256k1Keypair()]) {
      expect(verifySignature(other.did(), message, await keypair.sign(message))).toBe(false)
    }
  })

  it('refuses the high-S twin, which plain ECDSA accepts', async () => {
    const twin = highS(await keypair.sign(message), curve)
    expect(await atproto.verifySignature(keypair.did(), message, twin, { allowMalleableSig: true })).toBe(
      true,
    )
    expect(verifySignature(keypair.did(), message, twin)).toBe(false)
  })

  it('refuses every other spelling of a good signature', async () => {
    const signature = await keypair.sign(message)
    const hex = hexOf(signature)
    const spellings = [
      der(signature),
      bytesOf(`${hex}00`),
      bytesOf(`00${hex}`),
      signature.subarray(1),
      signature.subarray(0, 63),
    ]
    for (const spelling of spellings) expect(verifySignature(keypair.did(), message, spelling)).toBe(false)
  })

  it.each([
    ['nothing', ''],
    ['zeros', '00'.repeat(64)],
    ['r = 0', scalar(0n) + scalar(1n)],
    ['s = 0', scalar(1n) + scalar(0n)],
    ['r = order', scalar(curve.order) + scalar(1n)],
    ['r and s = 1', scalar(1n) + scalar(1n)],
    ['all bits', 'ff'.repeat(64)],
  ])('refuses %s in place of a signature', (_, hex) => {
    expect(verifySignature(keypair.did(), message, bytesOf(hex))).toBe(false)
  })
})

describe('verifySignature with a key that it cannot use', () => {
  const signature = new Uint8Array(64).fill(1)

  it.each([
    '',
    'did:key:',
    'did:key:z',
    'did:key:zDnaeExample',
    'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK',
    'did:plc:alice',
    'did:key:zQ3shjyJXUaRJC2GC43mX8aPrUhoTdoiongXhZjsdTzPKYZUM ',
  ])('refuses %j', (key) => {
    expect(verifySignature(key, message, signature)).toBe(false)
  })

  it('refuses keys of other kinds', () => {
    const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' })
    const { publicKey: ed25519 } = generateKeyPairSync('ed25519')
    for (const key of [
      p384.publicKey,
      ed25519,
      createSecretKey(Buffer.alloc(32)),
      createPrivateKey(pemOf(p384.privateKey)),
    ]) {
      expect(verifySignature(key, message, signature)).toBe(false)
    }
  })
})

function pemOf(key: ReturnType<typeof createPrivateKey>): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString()
}
