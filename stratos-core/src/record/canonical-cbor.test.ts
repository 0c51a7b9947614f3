import { decode, encode } from '@atproto/lex-cbor'
import { type LexValue, ui8Equals } from '@atproto/lex-data'
import { describe, expect, it } from 'vitest'
import { decodeCanonical } from './canonical-cbor.ts'
import { assertDataModel } from './data-model.ts'
import { decodeRecord } from './record-block.ts'
import vectors from './record-block.vectors.json' with { type: 'json' }

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))

/** A record as the general codec reads it, if that makes the same bytes of it again. */
function readWithGeneralCodec(bytes: Uint8Array): LexValue | undefined {
  try {
    const value = decode(bytes)
    assertDataModel(value)
    return ui8Equals(encode(value), bytes) ? value : undefined
  } catch {
    return undefined
  }
}

function readStrictly(bytes: Uint8Array): LexValue | undefined {
  try {
    return decodeRecord(bytes)
  } catch {
    return undefined
  }
}

/** Numbers that look like chance and are the same every time. */
function* sequence(seed: number): Generator<number, never> {
  for (let state = seed; ;) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    yield state / 2 ** 32
  }
}

describe('decodeCanonical', () => {
  it.each(vectors.valid)('reads $name as the general codec does', ({ hex }) => {
    expect(decodeCanonical(bytesOf(hex))).toEqual(decode(bytesOf(hex)))
  })

  it.each([
    ['0', '00'],
    ['23', '17'],
    ['24', '1818'],
    ['255', '18ff'],
    ['256', '190100'],
    ['65,535', '19ffff'],
    ['65,536', '1a00010000'],
    ['2^32 - 1', '1affffffff'],
    ['2^32', '1b0000000100000000'],
    ['the largest number', '1b001fffffffffffff'],
    ['-1', '20'],
    ['the least number', '3b001ffffffffffffe'],
    ['keys of one length in the order of their bytes', 'a2616101616202'],
    ['a shorter key first', 'a2617a0162616102'],
  ])('reads %s', (_, hex) => {
    expect(Buffer.from(encode(decode(bytesOf(hex)))).toString('hex')).toBe(hex)
    expect(decodeCanonical(bytesOf(hex))).toEqual(decode(bytesOf(hex)))
  })

  it('leaves a byte order mark where it is, which the general codec takes away', () => {
    expect(decodeCanonical(bytesOf('64efbbbf61'))).toBe('\ufeffa')
  })

  it.each([
    ['nothing', ''],
    ['two values', '0000'],
    ['23 in two bytes', '1817'],
    ['255 in three bytes', '1900ff'],
    ['65,535 in five bytes', '1a0000ffff'],
    ['2^32 - 1 in nine bytes', '1b00000000ffffffff'],
    ['2^53', '1b0020000000000000'],
    ['-2^53', '3b001fffffffffffff'],
    ['a float', 'f93c00'],
    ['a float of eight bytes', 'fb3ff8000000000000'],
    ['undefined', 'f7'],
    ['a simple value', 'e0'],
    ['an indefinite list', '9fff'],
    ['an indefinite text', '7fff'],
    ['a length in a reserved form', '1c'],
    ['text that ends too soon', '6261'],
    ['text that is not UTF-8', '61ff'],
    ['half of a surrogate pair', '63eda080'],
    ['a list that ends too soon', '8201'],
    ['a list of more than there can be', '9b001fffffffffffff'],
    ['a key twice', 'a2616101616102'],
    ['a key twice, with values in order', 'a2616101616103'],
    ['keys out of order', 'a2616201616102'],
    ['a longer key first', 'a2626161016162'],
    ['a key that is a number', 'a10101'],
    ['a member of the name __proto__', 'a1695f5f70726f746f5f5fa0'],
    ['another tag', 'c100'],
    ['a link without its first byte', `d82a5824${'01711220'}${'00'.repeat(32)}`],
    ['a link with another first byte', `d82a5825${'0101711220'}${'00'.repeat(32)}`],
    ['a link to another codec', `d82a5825${'0001701220'}${'00'.repeat(32)}`],
    ['a link with another hash', `d82a5825${'0001711320'}${'00'.repeat(32)}`],
    ['a link of version 0', `d82a5823${'001220'}${'00'.repeat(32)}`],
    ['a link that is not all there', `d82a5825${'0001711220'}${'00'.repeat(31)}`],
    ['too deep a list', '81'.repeat(200) + '00'],
  ])('refuses %s', (_, hex) => {
    expect(() => decodeCanonical(bytesOf(hex))).toThrow()
  })

  it('agrees with the general codec on which of many damaged records are canonical, and on what they say', () => {
    const draw = sequence(7)
    const pick = (below: number) => Math.floor(draw.next().value * below)
    const samples = [
      ...vectors.valid.map(({ hex }) => bytesOf(hex)),
      encode({
        a: [1, -1, 300, 70_000, 2 ** 40, null, true, false],
        bb: { c: 'é', dd: '𝄞' },
        e: new Uint8Array(3),
      }),
    ]
    let accepted = 0
    for (let round = 0; round < 20_000; round += 1) {
      const bytes = Uint8Array.from(samples[pick(samples.length)] ?? [])
      for (let change = 0; change <= pick(3); change += 1) bytes[pick(bytes.length)] = pick(256)
      const cut = pick(10) === 0 ? bytes.subarray(0, pick(bytes.length)) : bytes
      const expected = readWithGeneralCodec(cut)
      expect(readStrictly(cut)).toEqual(expected)
      if (expected !== undefined) accepted += 1
    }
    expect(accepted).toBeGreaterThan(1_000)
  })
})
