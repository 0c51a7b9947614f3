import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Did, EntryFeed, ServiceEntry } from 'stratos-core'
import { newActor } from 'stratos-core/testing'
import { waitUntil } from 'test-network'
import { describe, expect, it } from 'vitest'
import { describeEachDatabase, settingsOf } from '../../tests/_util/databases.ts'
import { NO_MASTER_KEYS } from '../config/vault.ts'
import { createLogger } from '../logger.ts'
import { openStorage, type Storage } from './open-storage.ts'
import { openSqliteStorage } from './sqlite-storage.ts'
import { syncFile } from './sync-file.ts'

const ALL = { limit: 1_000, maxBytes: 1_000_000, tagged: [] }
const utf8 = (text: string): Uint8Array => Buffer.from(text)

const append = ({ actors }: Storage, did: Did, tags: readonly string[] = []) =>
  actors.transact(did, ({ events }) => events.append(utf8('x'), Date.now(), { tags, contentBytes: 1 }))

async function entriesOf(feed: EntryFeed<ServiceEntry>, dids: readonly Did[]): Promise<ServiceEntry[]> {
  const all: ServiceEntry[] = []
  for (let after = 0, more = true; more;) {
    const page = await feed.page(after, ALL)
    all.push(...page.entries)
    after = page.upTo
    more = page.more
  }
  return all.filter(({ did }) => dids.includes(did))
}

const placesOf = (entries: readonly ServiceEntry[], did: Did) =>
  entries.flatMap((entry) => (entry.kind === 'commit' && entry.did === did ? [entry.repoSeq] : []))

describeEachDatabase('the feed of the service', (database) => {
  it('gives every commit one place, those of one actor in their order', { timeout: 60_000 }, async () => {
    const { storage, kind, open } = database()
    const instances = kind === 'postgres' ? [storage, await open()] : [storage]
    const dids = await Promise.all([1, 2, 3].map(() => newActor(storage.actors)))
    await Promise.all(
      instances.flatMap((instance) =>
        dids.map(async (did) => {
          for (let count = 0; count < 20; count += 1) await append(instance, did)
        }),
      ),
    )
    const total = dids.length * instances.length * 20
    await waitUntil('all have a place', async () => {
      return (await entriesOf(storage.feeds.service, dids)).length === total
    })
    const entries = await entriesOf(storage.feeds.service, dids)
    for (const did of dids) {
      expect(placesOf(entries, did)).toEqual(
        Array.from({ length: instances.length * 20 }, (_, index) => index + 1),
      )
    }
    const latest = await storage.feeds.service.latestSeq()
    const { upTo } = await storage.feeds.service.page(latest - 1, ALL)
    expect(upTo).toBe(latest)
  })

  it('wakes those who follow a repo or the service, on every instance', async () => {
    const { storage, kind, open } = database()
    const other = kind === 'postgres' ? await open() : storage
    const did = await newActor(storage.actors)
    for (const feed of ['service', `repo ${did}`] as const) {
      const watch = other.feeds.watch(feed)
      const seen = watch.version
      await append(storage, did)
      await watch.changedSince(seen, AbortSignal.timeout(10_000))
      expect(watch.version).toBeGreaterThan(seen)
      watch.close()
    }
  })

  it('says nothing of an actor who is gone', async () => {
    const { storage } = database()
    const did = await newActor(storage.actors)
    await append(storage, did)
    await waitUntil('it has a place', async () => {
      return (await entriesOf(storage.feeds.service, [did])).length === 1
    })
    const before = await storage.feeds.service.latestSeq()
    await storage.actors.destroy(did)
    const { entries, upTo } = await storage.feeds.service.page(before - 1, ALL)
    const events = await Promise.all(
      entries.map(({ did }) => storage.actors.read(did, () => Promise.resolve('there')).catch(() => 'gone')),
    )
    expect(events.every((found) => found === 'gone')).toBe(true)
    expect(upTo).toBe(before)
  })

  it('selects by tags', async () => {
    const { storage } = database()
    const did = await newActor(storage.actors)
    await append(storage, did, ['did:web:x/red'])
    await append(storage, did, ['did:web:x/blue'])
    await waitUntil('both have a place', async () => {
      return (await entriesOf(storage.feeds.service, [did])).length === 2
    })
    const { entries } = await storage.feeds.service.page(0, { ...ALL, tagged: [['did:web:x/blue']] })
    expect(placesOf(entries, did)).toEqual([2])
  })
})

describe('the feed of the service on SQLite', () => {
  it('has the commits of a process that died before it could place them', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'stratos-feeds-'))
    const open = (name: string) => openStorage(settingsOf(join(directory, name), {}), Date.now)
    try {
      const storage = await open('alive')
      const [one, two, idle] = await Promise.all([1, 2, 3].map(() => newActor(storage.actors)))
      if (one === undefined || two === undefined || idle === undefined) throw new Error('unreachable')
      for (let count = 0; count < 5; count += 1) await append(storage, one)
      await append(storage, two)
      // What is on disk now is what a process that is killed now leaves behind.
      cpSync(join(directory, 'alive'), join(directory, 'dead'), { recursive: true })
      await storage.close()

      const again = await open('dead')
      const entries = await entriesOf(again.feeds.service, [one, two, idle])
      expect(placesOf(entries, one)).toEqual([1, 2, 3, 4, 5])
      expect(placesOf(entries, two)).toEqual([1])
      await append(again, one)
      await again.close()

      const closed = await open('dead')
      expect(placesOf(await entriesOf(closed.feeds.service, [one]), one)).toEqual([1, 2, 3, 4, 5, 6])
      await closed.close()
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
})

it('the feed of the service has what was committed although the disk failed', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'stratos-failing-'))
  let failing = false
  const sync = async (fd: number) => {
    if (failing) throw new Error('EIO')
    await syncFile(fd)
  }
  const settings = { dataDir: directory, openActors: 10, masterKeys: NO_MASTER_KEYS }
  const storage = await openSqliteStorage(settings, Date.now, createLogger('silent'), sync)
  try {
    const did = await newActor(storage.actors)
    await append(storage, did)
    // Whoever reads an older state keeps the log from being moved.
    const reader = await storage.actors.openSnapshot(did)
    failing = true
    await expect(append(storage, did)).rejects.toThrow('cannot be brought to the disk')
    failing = false
    await reader.close()
    expect(await append(storage, did)).toBe(3)
    await waitUntil('all have a place', async () => {
      return (await entriesOf(storage.feeds.service, [did])).length === 3
    })
    expect(placesOf(await entriesOf(storage.feeds.service, [did]), did)).toEqual([1, 2, 3])
  } finally {
    await storage.close()
    rmSync(directory, { recursive: true })
  }
})
