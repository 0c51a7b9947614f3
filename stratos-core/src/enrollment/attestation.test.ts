import { createHash } from 'node:crypto'
import { Secp256k1Keypair } from '@atproto/crypto'
import { describe, expect, it } from 'vitest'
import { type Attestation, encodeAttestation, signAttestation, verifyAttestation } from './attestation.ts'
import vectors from './attestation.vectors.json' with { type: 'json' }

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))
const attestationOf = (vector: { sig: string; signingKey: string }): Attestation => ({
  ...vector,
  sig: bytes(vector.sig),
})

describe('encodeAttestation', () => {
  it.each(vectors.payloads)('encodes $name', ({ membership, hex, sha256 }) => {
    const payload = encodeAttestation(membership)
    expect(Buffer.from(payload).toString('hex')).toBe(hex)
    expect(createHash('sha256').update(payload).digest('hex')).toBe(sha256)
  })

  it('leaves the order of the given boundaries alone', () => {
    const boundaries = ['did:plc:s/b', 'did:plc:s/a']
    encodeAttestation({ did: 'did:plc:alice', boundaries, signingKey: 'did:key:z' })
    expect(boundaries).toEqual(['did:plc:s/b', 'did:plc:s/a'])
  })

  it('sorts by code unit, not by alphabet', () => {
    const membership = { did: 'did:plc:alice', signingKey: 'did:key:z' }
    const sorted = encodeAttestation({
      ...membership,
      boundaries: ['did:plc:s/B', 'did:plc:s/a', 'did:plc:s/é'],
    })
    expect(
      encodeAttestation({ ...membership, boundaries: ['did:plc:s/é', 'did:plc:s/a', 'did:plc:s/B'] }),
    ).toEqual(sorted)
    expect(Buffer.from(sorted).indexOf('/B')).toBeLessThan(Buffer.from(sorted).indexOf('/a'))
  })
})

describe('verifyAttestation', () => {
  it.each(vectors.valid)('accepts $name', async ({ membership, attestation }) => {
    await verifyAttestation(membership, attestationOf(attestation), vectors.serviceSigningKey)
  })

  it.each(vectors.invalid)('refuses $name', async ({ membership, attestation }) => {
    const verified = verifyAttestation(membership, attestationOf(attestation), vectors.serviceSigningKey)
    await expect(verified).rejects.toMatchObject({ code: 'InvalidRecord' })
  })

  it('refuses everything when the key of the service is not a key', async () => {
    const [{ membership, attestation } = {}] = vectors.valid
    const attested = { ...attestationOf(attestation!), signingKey: 'did:key:nonsense' }
    await expect(verifyAttestation(membership!, attested, 'did:key:nonsense')).rejects.toMatchObject({
      code: 'InvalidRecord',
    })
  })

  it('accepts what signAttestation made', async () => {
    const service = await Secp256k1Keypair.create()
    const membership = { did: 'did:plc:alice', boundaries: ['did:plc:s/a'], signingKey: 'did:key:z' }
    const attestation = await signAttestation(membership, service)
    expect(attestation.sig).toHaveLength(64)
    expect(attestation.signingKey).toBe(service.did())
    await verifyAttestation(membership, attestation, service.did())
  })
})
