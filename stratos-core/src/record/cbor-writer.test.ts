import { encode } from '@atproto/lex-cbor'
import { parseCid } from '@atproto/lex-data'
import { describe, expect, it } from 'vitest'
import { CborWriter } from './cbor-writer.ts'

const LINK = parseCid('bafyreie5737gdxlw5i64vzichcalba3z2v5n6icifvx5xytvske7mr3hpm')

describe('CborWriter', () => {
  it.each([0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER])(
    'writes %d in its shortest form',
    (value) => {
      expect(new CborWriter().integer(value).finish()).toEqual(encode(value))
    },
  )

  it.each(['', 'plain', 'x'.repeat(24), 'x'.repeat(300), 'é', '𝄞'.repeat(100), `${'x'.repeat(23)}é`])(
    'writes the text %j',
    (value) => {
      expect(new CborWriter().text(value).finish()).toEqual(encode(value))
    },
  )

  it('writes maps, lists, links, null and what is encoded already, however little room there was', () => {
    const writer = new CborWriter(1).map(3)
    writer.text('a').array(3).link(LINK.bytes).null().integer(1)
    writer.text('b').encoded(encode({ c: 'd' }))
    writer.text('cc').array(30)
    for (let index = 0; index < 30; index += 1) writer.integer(index)
    const list = Array.from({ length: 30 }, (_, index) => index)
    expect(writer.finish()).toEqual(encode({ a: [LINK, null, 1], b: { c: 'd' }, cc: list }))
  })
})
