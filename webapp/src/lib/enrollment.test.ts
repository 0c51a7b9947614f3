import { expect, it } from 'vitest'
import { StatusError, enrollmentUrl, findMembership, readEnrollmentReturn } from './enrollment.ts'

const DID = 'did:plc:alice'
const GENERAL = 'did:web:stratos.example/general'

const ask = (status: unknown, httpStatus = 200) =>
  findMembership({
    call: async () => Response.json(status, { status: httpStatus }),
    did: DID,
    // Nothing listens on the discard port.
    pdsUrl: 'http://127.0.0.1:9',
    serviceDid: 'did:web:stratos.example',
  })

it('says what the service says, also when the PDS is away', async () => {
  const status = { did: DID, enrolled: true, boundaries: [{ value: GENERAL }, { value: 5 }, null] }
  expect(await ask(status)).toEqual({ enrolled: true, boundaries: [GENERAL], published: null })
})

it.each([
  { did: DID, enrolled: false, boundaries: [{ value: GENERAL }] },
  { did: DID, enrolled: true, active: false, boundaries: [{ value: GENERAL }] },
  {},
])('takes the answer %j for "not enrolled"', async (status) => {
  expect(await ask(status)).toEqual({ enrolled: false, boundaries: [], published: null })
})

it('does not take a failure for "not enrolled"', async () => {
  await expect(ask({ error: 'InternalServerError' }, 500)).rejects.toThrow(StatusError)
})

it('sends the user to the service and back', () => {
  const config = { serviceUrl: 'https://stratos.example', plcUrl: '', handleResolver: '', appview: null }
  expect(enrollmentUrl(config, DID, 'http://127.0.0.1:5173/')).toBe(
    'https://stratos.example/oauth/authorize?handle=did%3Aplc%3Aalice&redirect_uri=http%3A%2F%2F127.0.0.1%3A5173%2F',
  )
})

it.each([
  ['https://app.example/?stratos_enrolled=true', { outcome: 'enrolled' }],
  [
    'https://app.example/?error=access_denied&error_description=no',
    { outcome: 'refused', error: 'access_denied' },
  ],
  ['https://app.example/?error=x&stratos_enrolled=true', { outcome: 'refused', error: 'x' }],
  ['https://app.example/', null],
])('reads the return at %s and leaves a clean address', (address, result) => {
  expect(readEnrollmentReturn(address)).toEqual({ result, address: 'https://app.example/' })
})

it('leaves the answer of a sign-in in the address alone', () => {
  const address = 'https://app.example/#state=s&code=c&iss=https%3A%2F%2Fpds.example'
  expect(readEnrollmentReturn(address)).toEqual({ result: null, address })
})
