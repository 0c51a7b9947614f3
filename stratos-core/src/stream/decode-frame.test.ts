import { encode } from '@atproto/lex-cbor'
import { describe, expect, it } from 'vitest'
import { decodeFrame } from './decode-frame.ts'

const frame = (...values: unknown[]) => Buffer.concat(values.map((value) => encode(value as never)))

describe('decodeFrame', () => {
  it('reads messages and errors', () => {
    expect(decodeFrame(frame({ op: 1, t: '#info' }, { name: 'OutdatedCursor' }))).toEqual({
      kind: 'message',
      type: '#info',
      body: { name: 'OutdatedCursor' },
    })
    expect(decodeFrame(frame({ op: -1 }, { error: 'FutureCursor', message: 'later' }))).toEqual({
      kind: 'error',
      error: 'FutureCursor',
      message: 'later',
    })
  })

  it.each([
    ['nothing', frame()],
    ['a header alone', frame({ op: 1, t: '#info' })],
    ['three values', frame({ op: 1, t: '#info' }, {}, {})],
    ['another op', frame({ op: 2, t: '#info' }, {})],
    ['a message without type', frame({ op: 1 }, {})],
    ['a body that is no object', frame({ op: 1, t: '#info' }, 'text')],
    ['half a frame', frame({ op: 1, t: '#info' }, { name: 'x' }).subarray(0, 18)],
  ])('refuses %s', (_, bytes) => {
    expect(() => decodeFrame(bytes)).toThrow(expect.objectContaining({ code: 'InvalidRequest' }))
  })
})
