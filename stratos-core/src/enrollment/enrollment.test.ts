import { describe, expect, it } from 'vitest'
import { type EnrollmentPolicy, decideEligibility } from './enrollment.ts'

const ALICE = 'did:plc:alice'
const PDS = 'https://pds.example.com'

const closed: EnrollmentPolicy = {
  mode: 'allowlist',
  allowedDids: new Set(),
  allowedPdsEndpoints: [],
  isListedElsewhere: false,
}
const open: EnrollmentPolicy = { ...closed, mode: 'open' }
const listed: EnrollmentPolicy = { ...closed, allowedDids: new Set([ALICE]) }
const byPds: EnrollmentPolicy = {
  ...closed,
  allowedPdsEndpoints: ['https://other.example.com/pds', `${PDS}/`],
}

describe('decideEligibility', () => {
  it.each([
    ['anybody in open mode', open, ALICE, null],
    ['a listed DID', listed, ALICE, null],
    ['who is on a list elsewhere', { ...closed, isListedElsewhere: true }, ALICE, null],
    ['who is on a list elsewhere, on a PDS that is not', { ...byPds, isListedElsewhere: true }, ALICE, null],
    ['a listed PDS', byPds, ALICE, PDS],
    ['a listed PDS with a slash at the end', byPds, ALICE, `${PDS}/`],
    ['a listed PDS below a path', byPds, ALICE, 'https://other.example.com/pds/'],
    ['a listed PDS with an upper-case host', byPds, ALICE, 'https://PDS.example.com'],
    ['a listed PDS with its port written out', byPds, ALICE, `${PDS}:443`],
  ] as const)('lets in %s', (_, policy, did, pds) => {
    expect(decideEligibility(policy, did, pds)).toEqual({ allow: true })
  })

  it.each([
    ['everybody when nothing is listed', closed, ALICE, PDS, 'NotInAllowlist'],
    ['another DID', listed, 'did:plc:bob', PDS, 'NotInAllowlist'],
    ['another PDS', byPds, ALICE, 'https://evil.example.com', 'NotInAllowlist'],
    ['a PDS on another port', byPds, ALICE, `${PDS}:8443`, 'NotInAllowlist'],
    ['a PDS without encryption', byPds, ALICE, 'http://pds.example.com', 'NotInAllowlist'],
    ['a host that begins like a listed one', byPds, ALICE, `${PDS}.evil.com`, 'NotInAllowlist'],
    ['a listed host as user name', byPds, ALICE, 'https://pds.example.com@evil.com', 'NotInAllowlist'],
    ['text that is no URL', byPds, ALICE, 'pds.example.com', 'NotInAllowlist'],
    ['somebody whose PDS is not known', byPds, ALICE, null, 'PdsEndpointNotFound'],
  ] as const)('keeps out %s', (_, policy, did, pds, reason) => {
    expect(decideEligibility(policy, did, pds)).toEqual({ allow: false, reason })
  })
})
