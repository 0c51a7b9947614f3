import { inspect } from 'node:util'
import * as atproto from '@atproto/crypto'
import { describe, expect, it } from 'vitest'
import { P256, SECP256K1 } from './curves.ts'
import { isLowS } from './low-s.ts'
import {
  createP256Keypair,
  createSecp256k1Keypair,
  importP256Keypair,
  importSecp256k1Keypair,
} from './native-keypair.ts'
import { verifySignature } from './native-verify.ts'

const CURVES = [
  {
    name: 'P-256',
    curve: P256,
    create: createP256Keypair,
    open: importP256Keypair,
    reference: atproto.P256Keypair,
    prefix: 'did:key:zDnae',
  },
  {
    name: 'secp256k1',
    curve: SECP256K1,
    create: createSecp256k1Keypair,
    open: importSecp256k1Keypair,
    reference: atproto.Secp256k1Keypair,
    prefix: 'did:key:zQ3sh',
  },
]

const message = new TextEncoder().encode('a commit')
const rawKey = (last: number): Uint8Array => new Uint8Array(32).fill(last, 31)
const bytesOf = (value: bigint): Uint8Array =>
  Uint8Array.from(Buffer.from(value.toString(16).padStart(64, '0'), 'hex'))

describe.each(CURVES)('a native key pair of $name', ({ curve, create, open, reference, prefix }) => {
  it('has the did:key that @atproto/crypto gives the same key', async () => {
    for (const raw of [rawKey(1), rawKey(200), new Uint8Array(32).fill(0x33), create().export()]) {
      const keypair = open(raw)
      expect(keypair.did()).toBe((await reference.import(raw)).did())
      expect(keypair.did().startsWith(prefix)).toBe(true)
      expect(keypair.jwtAlg).toBe(curve.jwtAlg)
    }
  })

  it('signs in the one form that others accept: 64 bytes, low-S', async () => {
    const keypair = create()
    for (let count = 0; count < 64; count++) {
      const signature = await keypair.sign(message)
      expect(signature).toHaveLength(64)
      expect(isLowS(signature, curve)).toBe(true)
      expect(verifySignature(keypair.did(), message, signature)).toBe(true)
    }
    expect(await atproto.verifySignature(keypair.did(), message, await keypair.sign(message))).toBe(true)
  })

  it('is the same after export and import', async () => {
    const keypair = create()
    expect(keypair.export()).toHaveLength(32)
    const copy = open(keypair.export())
    expect(copy.did()).toBe(keypair.did())
    expect(verifySignature(keypair.did(), message, await copy.sign(message))).toBe(true)
  })

  it('does not change when an exported copy does', () => {
    const keypair = create()
    const before = Buffer.from(keypair.export()).toString('hex')
    keypair.export().fill(0)
    expect(Buffer.from(keypair.export()).toString('hex')).toBe(before)
  })

  it('is another one each time', () => {
    expect(create().did()).not.toBe(create().did())
  })

  it('shows its private key to no logger', () => {
    const keypair = create()
    const hex = Buffer.from(keypair.export()).toString('hex')
    const base64 = Buffer.from(keypair.export()).toString('base64url')
    const shown = JSON.stringify(keypair) + inspect(keypair, { depth: 9, showHidden: true })
    expect(shown).not.toContain(hex)
    expect(shown).not.toContain(base64)
    expect(shown).not.toMatch(/<Buffer|Uint8Array/)
  })

  it.each([
    ['too few bytes', rawKey(1).subarray(1)],
    ['too many bytes', new Uint8Array(33).fill(1)],
    ['no bytes', new Uint8Array()],
    ['zero', rawKey(0)],
    ['the order of the curve', bytesOf(curve.order)],
    ['a number beyond the order', new Uint8Array(32).fill(0xff)],
  ])('cannot be imported from %s', (_, raw) => {
    expect(() => open(raw)).toThrow(RangeError)
  })

  it('can be imported from the largest private key there is', () => {
    expect(open(bytesOf(curve.order - 1n)).did()).toMatch(/^did:key:z/)
  })
})
