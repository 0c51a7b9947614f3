import { P256Keypair, Secp256k1Keypair } from '@atproto/crypto'
import { describe, expect, it } from 'vitest'
import { parsePublicKey } from './public-key.ts'
import { verifySignature } from './verify-signature.ts'

const MESSAGE = new TextEncoder().encode('what was signed')
const ORDERS = {
  P256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  secp256k1: 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n,
}

function withHighS(signature: Uint8Array, order: bigint): Uint8Array {
  const s = order - BigInt(`0x${Buffer.from(signature.subarray(32)).toString('hex')}`)
  return Uint8Array.from([
    ...signature.subarray(0, 32),
    ...Buffer.from(s.toString(16).padStart(64, '0'), 'hex'),
  ])
}

describe.each([
  ['P256', () => P256Keypair.create()],
  ['secp256k1', () => Secp256k1Keypair.create()],
] as const)('verifySignature with %s', (name, create) => {
  it('accepts what the key has signed, for keys of either parity', async () => {
    for (let round = 0; round < 12; round += 1) {
      const key = await create()
      expect(await verifySignature(key.did(), MESSAGE, await key.sign(MESSAGE))).toBe(true)
    }
  })

  it('refuses other bytes, another key, another form and nonsense', async () => {
    const key = await create()
    const signature = await key.sign(MESSAGE)
    const other = await create()
    expect(await verifySignature(key.did(), MESSAGE.subarray(1), signature)).toBe(false)
    expect(await verifySignature(other.did(), MESSAGE, signature)).toBe(false)
    expect(await verifySignature(key.did(), MESSAGE, withHighS(signature, ORDERS[name]))).toBe(false)
    for (const bad of [
      new Uint8Array(),
      new Uint8Array(64),
      new Uint8Array(64).fill(255),
      signature.subarray(1),
    ])
      expect(await verifySignature(key.did(), MESSAGE, bad)).toBe(false)
  })
})

it.each([
  '',
  'did:key:',
  'did:key:z',
  'did:key:zDnaeExample',
  'did:key:z0000',
  'did:web:example.com',
  `did:key:z${'1'.repeat(200)}`,
  // Of the right length, and no point of the curve: x is not below the prime.
  'did:key:zDnb69LW5K4hDmqiYzGBvGaYgfpVHgFDSBQVVw5dTiCyWLfYM',
])('a key such as %j verifies nothing', async (key) => {
  expect(await verifySignature(key, MESSAGE, new Uint8Array(64).fill(1))).toBe(false)
})

it('reads the curve of a key', async () => {
  const { curve, point } = parsePublicKey((await Secp256k1Keypair.create()).did()) ?? {}
  expect([curve, point?.length]).toEqual(['secp256k1', 33])
})
