import { encodeRecord, parseNsid, parseRkey, type Boundary, type PieceSpool } from 'stratos-core'
import { EMPTY_TREE } from 'stratos-core/repo'
import { expect, it } from 'vitest'
import { PlanWriter, readPlan, type PlannedRecord } from './import-plan.ts'

function memorySpool(): PieceSpool {
  const kept: Uint8Array[] = []
  return {
    put: async (piece) => void kept.push(Uint8Array.from(piece)),
    seal: async () => undefined,
    pieces: () => kept,
    close: async () => undefined,
  }
}

const bound = (...names: string[]) => names.map((name) => `did:web:a.example/${name}` as Boundary)

async function record(rkey: string, rest: Partial<PlannedRecord>): Promise<PlannedRecord> {
  const nothing = { boundaries: [], blobs: [], links: [], createdAt: undefined }
  const collection = parseNsid('com.example.note')
  return { collection, rkey: parseRkey(rkey), block: await encodeRecord({ rkey }), ...nothing, ...rest }
}

it('a plan is read back as it was written', async () => {
  const links = [{ path: 'reply.parent.uri', target: 'at://did:plc:a/com.example.note/1' }]
  const records = await Promise.all([
    record('1', { boundaries: bound('a', 'b') }),
    record('2', { collection: parseNsid('com.example.other'), boundaries: bound('a', 'b') }),
    record('3', { boundaries: bound('b', 'a'), createdAt: '2026-01-01T00:00:00Z' }),
    record('4', { blobs: ['bafy'], links }),
    record('5', { boundaries: bound('a', 'b') }),
  ])
  const nodes = [await encodeRecord({ node: 1 }), await encodeRecord({ node: 2 })]
  const spool = memorySpool()
  const plan = new PlanWriter(spool)
  for (const one of records.slice(0, 4)) plan.addRecord(one)
  await plan.endCommit(EMPTY_TREE, false)
  plan.addRecord(records[4]!)
  for (const node of nodes) plan.addNode(node)
  await plan.endCommit(nodes[0]!.cid, true)

  const plain = ({ block, ...rest }: PlannedRecord) => ({ ...rest, block: plainBlock(block) })
  const plainBlock = ({ cid, bytes }: PlannedRecord['block']) => [
    String(cid),
    Buffer.from(bytes).toString('hex'),
  ]
  const read = [...readPlan(spool)]
  expect(read.map((commit) => commit.records.map(plain))).toEqual([
    records.slice(0, 4).map(plain),
    records.slice(4).map(plain),
  ])
  expect(read.map((commit) => commit.nodes.map(plainBlock))).toEqual([[], nodes.map(plainBlock)])
  expect(read.map(({ data, last }) => [String(data), last])).toEqual([
    [String(EMPTY_TREE), false],
    [String(nodes[0]!.cid), true],
  ])
})

it('a commit is full with 200 records, or with 2 MiB unless it has none', async () => {
  const plan = new PlanWriter(memorySpool())
  expect(plan.isFullFor(10 * 2 ** 20)).toBe(false)
  for (let count = 0; count < 200; count += 1) {
    expect(plan.isFullFor(1)).toBe(false)
    plan.addRecord(await record('1', {}))
  }
  expect(plan.isFullFor(1)).toBe(true)
  await plan.endCommit(EMPTY_TREE, false)
  plan.addRecord(await record('1', {}))
  expect(plan.isFullFor(2 * 2 ** 20 - 100)).toBe(false)
  expect(plan.isFullFor(2 * 2 ** 20)).toBe(true)
})
