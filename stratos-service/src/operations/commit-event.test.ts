import { decode, encode } from '@atproto/lex-cbor'
import { parseCid } from '@atproto/lex-data'
import { expect, it } from 'vitest'
import { decodeCommitEvent, encodeCommitEvent } from './commit-event.ts'

const CID = parseCid('bafyreie5737gdxlw5i64vzichcalba3z2v5n6icifvx5xytvske7mr3hpm')
const EVENT = {
  rev: '3jzfcijpj2z2a',
  commit: CID,
  ops: [
    {
      action: 'create',
      path: 'a.b.c/1',
      cid: CID,
      bytes: 70_000,
      boundaries: ['x', 'y'],
      formerBoundaries: [],
    },
    {
      action: 'update',
      path: 'a.b.c/2',
      cid: CID,
      bytes: 12,
      boundaries: ['z'],
      formerBoundaries: ['y', 'x'],
    },
    { action: 'delete', path: 'a.b.c/3', cid: null, bytes: 0, boundaries: [], formerBoundaries: ['z'] },
  ],
} as const

it('an event is read back as it was', () => {
  expect(decodeCommitEvent(encodeCommitEvent(EVENT))).toEqual(EVENT)
})

it('an event is canonical DAG-CBOR that names each boundary once', () => {
  const encoded = encodeCommitEvent(EVENT)
  expect(encode(decode(encoded))).toEqual(encoded)
  expect(decode(encoded)).toMatchObject({ boundaries: ['x', 'y', 'z'] })
})
