import { expect, it } from 'vitest'
import { DidDocuments, findPdsOrigin } from './did-documents.ts'

const DID = 'did:web:alice.example'
const PDS = 'AtprotoPersonalDataServer'
const documentWith = (service: { id: string; type: string; serviceEndpoint: string }[]) => ({
  id: DID,
  service,
})

it.each([
  [
    'by its fragment',
    [{ id: '#atproto_pds', type: PDS, serviceEndpoint: 'https://pds.example/' }],
    'https://pds.example',
  ],
  [
    'by its whole id',
    [{ id: `${DID}#atproto_pds`, type: PDS, serviceEndpoint: 'https://pds.example' }],
    'https://pds.example',
  ],
  [
    'the first of two',
    [
      { id: '#atproto_pds', type: PDS, serviceEndpoint: 'https://one.example' },
      { id: `${DID}#atproto_pds`, type: PDS, serviceEndpoint: 'https://two.example' },
    ],
    'https://one.example',
  ],
  [
    'and not somebody else\u2019s',
    [{ id: 'did:web:evil.example#atproto_pds', type: PDS, serviceEndpoint: 'https://evil.example' }],
    null,
  ],
  [
    'and nothing beside one of another type',
    [
      { id: '#atproto_pds', type: 'Other', serviceEndpoint: 'https://evil.example' },
      { id: `${DID}#atproto_pds`, type: PDS, serviceEndpoint: 'https://evil.example' },
    ],
    null,
  ],
  ['and no other scheme', [{ id: '#atproto_pds', type: PDS, serviceEndpoint: 'file:///etc' }], null],
  ['and none where there is none', [], null],
])('OAU-013: finds the PDS of an account %s', (_what, service, expected) => {
  expect(findPdsOrigin(documentWith(service))).toBe(expected)
})

it.each([
  'did:web:host:path',
  'did:web:host%2Fpath',
  'did:web:user%40host',
  'did:web:host%3A80%3F',
  'did:plc:short',
  'did:plc:aaaaaaaaaaaaaaaaaaaaaaa/..',
  'did:key:zDnae',
  'did:example:x',
] as const)('asks nobody about %s', async (did) => {
  const asked: unknown[] = []
  const fetch = async (url: unknown) => {
    asked.push(url)
    return Response.json({})
  }
  const documents = new DidDocuments({ plcUrl: 'https://plc.example', fetch, nowMs: Date.now })
  expect(await documents.find(did)).toBeNull()
  expect(asked).toEqual([])
})
