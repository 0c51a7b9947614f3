import { Secp256k1Keypair } from '@atproto/crypto'
import { decode } from '@atproto/lex-cbor'
import { describe, expect, it } from 'vitest'
import {
  encodeMembership,
  signMembership,
  verifyMembership,
  type SignedMembership,
} from './signed-membership.ts'

const NOW = 1_800_000_000
const MEMBERSHIP = {
  aud: 'did:web:appview.example',
  boundaries: ['did:web:s/b', 'did:web:s/a'],
  did: 'did:plc:alice',
  epoch: 3,
  exp: NOW + 900,
  iat: NOW,
  signingKey: 'did:key:zExample',
}

const service = await Secp256k1Keypair.create()
const otherService = await Secp256k1Keypair.create()
const expected = { aud: MEMBERSHIP.aud, serviceKey: service.did(), nowSec: NOW + 1 }
const signed = await signMembership(MEMBERSHIP, service)

describe('a signed membership', () => {
  it('is a map of seven members, with the boundaries in code unit order', () => {
    expect(decode(encodeMembership(MEMBERSHIP))).toEqual({
      ...MEMBERSHIP,
      boundaries: ['did:web:s/a', 'did:web:s/b'],
    })
  })

  it('is accepted as it was made', async () => {
    expect(signed.boundaries).toEqual(['did:web:s/a', 'did:web:s/b'])
    expect(signed.sig).toHaveLength(64)
    await verifyMembership(signed, expected)
  })

  it.each<[string, Partial<SignedMembership>]>([
    ['another epoch', { epoch: 4 }],
    ['another boundary', { boundaries: ['did:web:s/a', 'did:web:s/c'] }],
    ['a later end', { exp: NOW + 901 }],
    ['another account', { did: 'did:plc:mallory' }],
    ['another repo key', { signingKey: 'did:key:zOther' }],
    ['another recipient', { aud: 'did:web:other.example' }],
    ['another key', { serviceKey: 'did:key:zOther' }],
    ['no signature', { sig: new Uint8Array() }],
  ])('is refused with %s', async (_what, change) => {
    await expect(verifyMembership({ ...signed, ...change }, expected)).rejects.toMatchObject({
      code: 'InvalidRecord',
    })
  })

  it.each([
    ['before its time', { nowSec: NOW - 31 }],
    ['after its time', { nowSec: NOW + 930 }],
    ['by another recipient', { aud: 'did:web:other.example' }],
    ['for a service with another key', { serviceKey: otherService.did() }],
  ])('is refused %s', async (_when, change) => {
    await expect(verifyMembership(signed, { ...expected, ...change })).rejects.toMatchObject({
      code: 'InvalidRecord',
    })
  })

  it('is refused when it holds for more than a day', async () => {
    const long = await signMembership({ ...MEMBERSHIP, exp: NOW + 86_401 }, service)
    await expect(verifyMembership(long, expected)).rejects.toMatchObject({ code: 'InvalidRecord' })
  })
})
