import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encode } from '@atproto/lex-cbor'
import { cidForRawBytes } from '@atproto/lex-data'
import type { Did } from 'stratos-core'
import { newActor } from 'stratos-core/testing'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { settingsOf } from '../../tests/_util/databases.ts'
import { seededRandom } from '../../tests/_util/random.ts'
import { openStorage, type Storage } from './open-storage.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'stratos-erasure-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

const open = (name: string) => openStorage(settingsOf(join(directory, name), {}), Date.now)

/** Everything under a data directory, as bytes. */
function storedBytes(name: string): Buffer {
  const root = join(directory, name)
  const paths = readdirSync(root, { recursive: true }).map((path) => join(root, String(path)))
  return Buffer.concat(paths.filter((path) => statSync(path).isFile()).map((path) => readFileSync(path)))
}

interface Text {
  readonly word: string
  readonly cid: string
  readonly bytes: Uint8Array
}

async function texts(count: number): Promise<Text[]> {
  const random = seededRandom(5)
  const make = async (index: number): Promise<Text> => {
    const word = `xylophone-${index}-of-many`
    // From a few bytes to many pages.
    const bytes = encode({ word, filler: '.'.repeat(Math.floor(random() ** 6 * 40_000)), again: word })
    return { word, bytes, cid: String(await cidForRawBytes(bytes)) }
  }
  return Promise.all(Array.from({ length: count }, (_, index) => make(index)))
}

async function change({ actors }: Storage, did: Did, added: readonly Text[], removed: readonly Text[]) {
  await actors.transact(did, async ({ repo }) => {
    const head = await repo.findHead()
    if (head === null) throw new Error('there is no head')
    const blocks = new Map(added.map(({ cid, bytes }) => [cid, bytes]))
    await repo.applyCommit(head, head, {
      added: blocks,
      removed: [],
      removedRecords: removed.map(({ cid }) => cid),
    })
  })
}

/** Keeps 300 texts and removes two thirds of them again, in many transactions. */
async function writeAndRemove(storage: Storage): Promise<{ kept: Text[]; removed: Text[] }> {
  const did = await newActor(storage.actors)
  const all = await texts(300)
  for (let start = 0; start < all.length; start += 25)
    await change(storage, did, all.slice(start, start + 25), [])
  const removed = all.filter((_, index) => index % 3 !== 0)
  for (let start = 0; start < removed.length; start += 20)
    await change(storage, did, [], removed.slice(start, start + 20))
  return { kept: all.filter((_, index) => index % 3 === 0), removed }
}

const found = (bytes: Buffer, list: readonly Text[]) =>
  list.filter(({ word }) => bytes.includes(word)).map(({ word }) => word)

const isLog = (path: string) => path.endsWith('stratos.sqlite-wal')
const sizeOf = (path: string) => statSync(join(directory, 'data', path)).size

/** Repeats a check until it holds, while the timers of the service stand still. */
async function untilReal(check: () => void): Promise<void> {
  for (let turn = 0; turn < 20_000; turn += 1) {
    try {
      return check()
    } catch {
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  check()
}

describe('what was deleted from an actor database', () => {
  it('leaves the log of a running service soon, and the file a little later', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const storage = await open('data')
    const { kept, removed } = await writeAndRemove(storage)
    const log = () =>
      readdirSync(join(directory, 'data'), { recursive: true }).map(String).filter(isLog).map(sizeOf)
    expect(log()).not.toEqual([0])
    await vi.advanceTimersByTimeAsync(1_000)
    await untilReal(() => expect(log()).toEqual([0]))
    await vi.advanceTimersByTimeAsync(60_000)
    await untilReal(() => expect(found(storedBytes('data'), removed)).toEqual([]))
    vi.useRealTimers()
    expect(found(storedBytes('data'), kept)).toHaveLength(kept.length)
    await storage.close()
  })

  it('has left them when the service is closed', async () => {
    const storage = await open('data')
    const { kept, removed } = await writeAndRemove(storage)
    await storage.close()
    expect(found(storedBytes('data'), removed)).toEqual([])
    expect(found(storedBytes('data'), kept)).toHaveLength(kept.length)
  })

  it('leaves them soon after a start when the service had died before', async () => {
    const storage = await open('data')
    const { kept, removed } = await writeAndRemove(storage)
    // What a crash leaves is what the files hold at a moment.
    cpSync(join(directory, 'data'), join(directory, 'crashed'), { recursive: true })
    await storage.close()
    expect(found(storedBytes('crashed'), removed)).not.toEqual([])

    const again = await open('crashed')
    await vi.waitFor(() => expect(found(storedBytes('crashed'), removed)).toEqual([]), 20_000)
    expect(found(storedBytes('crashed'), kept)).toHaveLength(kept.length)
    await again.close()
  })
})
