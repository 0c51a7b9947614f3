import { fromUint8Array } from '@atcute/car'
import { BlockMap, blocksToCarFile } from '@atproto/repo'
import { encode } from '@atproto/lex-cbor'
import { expect, it } from 'vitest'
import { encodeRecord } from '../record/record-block.ts'
import { openCar, type CarFrame, type CarLimits } from './car-frames.ts'

const LIMITS: CarLimits = { maxBytes: 100_000, maxBlockBytes: 10_000, maxBlocks: 100 }
const refusal = expect.objectContaining({ code: 'InvalidCar' })

async function sampleCar(): Promise<Uint8Array<ArrayBuffer>> {
  const blocks = new BlockMap()
  const sizes = [0, 1, 100, 2_000]
  const made = await Promise.all(
    sizes.map((size) => encodeRecord({ $type: 'a.b.c', text: 'x'.repeat(size) })),
  )
  for (const { cid, bytes } of made) blocks.set(cid, bytes)
  const [root] = made
  if (root === undefined) throw new Error('unreachable')
  return Uint8Array.from(await blocksToCarFile(root.cid, blocks))
}

async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size)
}

async function read(bytes: Uint8Array, size = 1000, limits = LIMITS) {
  const { roots, frames } = await openCar(inChunks(bytes, size), limits)
  const found: CarFrame[] = []
  for await (const page of frames) found.push(...page)
  return {
    root: roots.map(String).join(),
    blocks: found.map(({ cid, bytes }) => [cid.toString(), Buffer.from(bytes).toString('hex')]),
  }
}

it.each([1, 7, 64, 100_000])(
  'a file in chunks of %d bytes has the blocks that another library finds',
  async (size) => {
    const car = await sampleCar()
    const other = fromUint8Array(car)
    const expected = [...other].map((entry) => [
      entry.cid.toString(),
      Buffer.from(entry.bytes).toString('hex'),
    ])
    const { root, blocks } = await read(car, size)
    expect(blocks).toHaveLength(4)
    expect(blocks.map(([, bytes]) => bytes)).toEqual(expected.map(([, bytes]) => bytes))
    expect(root).toBe(other.roots[0]?.$link)
  },
)

it('IMP-019: a file that ends early is refused, wherever it ends', async () => {
  const car = await sampleCar()
  for (let length = 0; length < car.length; length += 1) {
    const cut = car.slice(0, length)
    // At the end of a block nothing is missing yet: that is for those who look for blocks.
    await read(cut, 512).then(
      ({ blocks }) => expect(blocks.length).toBeLessThan(4),
      (err: unknown) => expect(err).toEqual(refusal),
    )
  }
})

it.each([
  ['more bytes than allowed', { ...LIMITS, maxBytes: 1_000 }],
  ['a block larger than allowed', { ...LIMITS, maxBlockBytes: 1_000 }],
  ['more blocks than allowed', { ...LIMITS, maxBlocks: 3 }],
])('a file with %s is refused', async (_what, limits) => {
  await expect(read(await sampleCar(), 100, limits)).rejects.toEqual(refusal)
})

const header = (value: Parameters<typeof encode>[0]) => {
  const bytes = encode(value)
  return Buffer.concat([Buffer.from([bytes.length]), bytes])
}

it.each([
  ['nothing', Buffer.alloc(0)],
  ['text', Buffer.from('hello, this is not a CAR file')],
  ['an endless length', Buffer.alloc(20, 0xff)],
  ['a length of petabytes', Buffer.from('ffffffffffff7f00', 'hex')],
  ['a header without root', header({ version: 1, roots: [] })],
  ['version 2', header({ version: 2, roots: [] })],
])('%s is refused', async (_what, bytes) => {
  await expect(read(bytes)).rejects.toEqual(refusal)
})
