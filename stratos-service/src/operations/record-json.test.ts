import { encode, decode } from '@atproto/lex-cbor'
import { cidForCbor, type LexValue } from '@atproto/lex-data'
import { lexStringify } from '@atproto/lex-json'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../tests/_util/random.ts'
import { encodeBase32 } from './base32.ts'
import { isNamedBy } from './record-cid.ts'
import { formatRecordJson } from './record-json.ts'

const cid = await cidForCbor(encode({ some: 'block' }))
const TEXTS = [
  '',
  'plain',
  'a "quoted" \\ one',
  'line\nbreak\u0000',
  'grüße 🦋 \u2028',
  'x'.repeat(300),
  '__proto__',
]
const NUMBERS = [
  0,
  23,
  24,
  255,
  256,
  65_535,
  65_536,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 53 - 1,
  -1,
  -24,
  -25,
  -(2 ** 53) + 1,
]

/** Any value that a record may have in it. */
function drawValue(random: () => number, depth: number): LexValue {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T
  const many = (): number => Math.floor(random() * 5)
  switch (Math.floor(random() * (depth > 4 ? 5 : 7))) {
    case 0:
      return pick(TEXTS)
    case 1:
      return pick(NUMBERS)
    case 2:
      return pick([true, false, null])
    case 3:
      return Uint8Array.from({ length: many() * 7 }, () => Math.floor(random() * 256))
    case 4:
      return cid
    case 5:
      return Array.from({ length: many() * many() * 2 }, () => drawValue(random, depth + 1))
    default:
      return Object.fromEntries(
        Array.from({ length: many() * 6 }, (_, index) => [
          `${pick(TEXTS)}${index}`,
          drawValue(random, depth + 1),
        ]),
      )
  }
}

describe('formatRecordJson', () => {
  it('says what decoding and formatting would say, of a thousand random records', () => {
    const random = seededRandom(20_260_115)
    for (let count = 0; count < 1_000; count++) {
      const bytes = encode({ $type: 'zone.stratos.test.note', value: drawValue(random, 0) })
      expect(formatRecordJson(bytes).toString()).toBe(lexStringify(decode(bytes) as LexValue))
    }
  })

  it('notices when bytes are missing, too many, or of another kind', () => {
    const bytes = encode({ text: 'hello', ref: cid, list: [1, 1_000_000] })
    for (let length = 0; length < bytes.length; length++)
      expect(() => formatRecordJson(bytes.subarray(0, length))).toThrow('damaged')
    expect(() => formatRecordJson(Buffer.concat([bytes, Buffer.from([0])]))).toThrow('damaged')
    for (const hex of ['fb3ff0000000000000', '9f', 'c1f6', 'd82a01', 'd82a4101', 'a101f6', '1f', 'ff', 'f7'])
      expect(() => formatRecordJson(Buffer.from(hex, 'hex')), hex).toThrow('damaged')
    expect(() => formatRecordJson(Buffer.alloc(100_000, 0x81))).toThrow('damaged')
  })
})

describe('the CID of a record', () => {
  it('names its bytes and no others', async () => {
    const bytes = encode({ text: 'hello' })
    const name = String(await cidForCbor(bytes))
    expect(isNamedBy(bytes, name)).toBe(true)
    expect(isNamedBy(bytes, String(cid))).toBe(false)
    expect(
      isNamedBy(
        Uint8Array.from(bytes, (byte, index) => (index === 3 ? byte ^ 1 : byte)),
        name,
      ),
    ).toBe(false)
  })

  it('is base32 as the standard has it', () => {
    for (const [text, expected] of [
      ['', ''],
      ['f', 'my'],
      ['fo', 'mzxq'],
      ['foo', 'mzxw6'],
      ['foob', 'mzxw6yq'],
      ['fooba', 'mzxw6ytb'],
      ['foobar', 'mzxw6ytboi'],
    ] as const)
      expect(encodeBase32(Buffer.from(text))).toBe(expected)
  })
})
