import { encode } from '@atproto/lex-cbor'
import { cidForCbor } from '@atproto/lex-data'
import { Frame } from '@atproto/xrpc-server'
import { parseDid } from 'stratos-core'
import { describe, expect, it } from 'vitest'
import type { CommitMessage } from '../operations/feed-message.ts'
import { frameEncoding } from './frame-encoding.ts'

const frames = frameEncoding('https://stratos.example')
const record = { $type: 'zone.stratos.feed.post', text: 'hello', n: 70_000 }
const bytes = encode(record)
const message = async (seq: number, repoSeq: number | null): Promise<CommitMessage> => ({
  kind: 'commit',
  seq,
  repoSeq,
  did: parseDid('did:plc:alice'),
  atMs: 1_700_000_000_123,
  rev: '3kaaaaaaaaa22',
  ops: [
    { action: 'create', path: 'a.b.c/one', cid: await cidForCbor(bytes), record: bytes },
    { action: 'update', path: 'a.b.c/two', cid: await cidForCbor(bytes), record: null },
    { action: 'delete', path: 'a.b.c/three', cid: null, record: null },
  ],
})

describe('a frame', () => {
  it.each([1, 23, 24, 255, 256, 65_535, 65_536, 4_294_967_295, 4_294_967_296, Number.MAX_SAFE_INTEGER])(
    'of event %d is the canonical encoding of what it says',
    async (seq) => {
      for (const repoSeq of [null, seq]) {
        const told = await message(seq, repoSeq)
        const cid = told.ops[0]?.cid ?? null
        const body = {
          seq,
          ...(repoSeq === null ? {} : { repoSeq }),
          did: told.did,
          time: '2023-11-14T22:13:20.123Z',
          rev: told.rev,
          ops: [
            { action: 'create', path: 'a.b.c/one', cid, record },
            { action: 'update', path: 'a.b.c/two', cid },
            { action: 'delete', path: 'a.b.c/three' },
          ],
        }
        const expected = Buffer.concat([encode({ op: 1, t: '#commit' }), encode(body)])
        expect(Buffer.from(frames.message(told)).toString('hex')).toBe(expected.toString('hex'))
      }
    },
  )

  it('begins as the specification says', async () => {
    const header = Buffer.from(frames.message(await message(1, null))).toString('hex')
    expect(header.startsWith('a261746723636f6d6d6974626f7001')).toBe(true)
    const failure = frames.failure({ name: 'NotFound', message: 'nobody' })
    expect(Buffer.from(failure).toString('hex').startsWith('a1626f7020')).toBe(true)
    expect(Frame.fromBytes(failure).isError()).toBe(true)
  })
})
