import { parseDidKey, P256_JWT_ALG, verifySignature } from '@atproto/crypto'
import { describe, expect, it } from 'vitest'
import type { Actors, ActorStores } from '../storage/actors.ts'
import type { RepoHead } from '../storage/repo-store.ts'
import { block, entry, head, newActor, newDid } from './samples.ts'

const NO_REPO = expect.objectContaining({ code: 'RepoNotFound' })
const utf8 = (text: string): Uint8Array => Buffer.from(text)

/** What every implementation of `Actors` must do. Call it inside `describe`; the actors may be in use by others. */
export function actorsContract(open: () => Actors): void {
  const append = (text: string) => (stores: ActorStores) => stores.events.append(utf8(text), 0)
  const texts = (did: Awaited<ReturnType<typeof newDid>>) =>
    open().read(did, async ({ events }) =>
      (await events.listAfter(0, 1_000)).map(({ body }) => Buffer.from(body).toString()),
    )

  describe('existence', () => {
    it('knows nobody who was not created', async () => {
      const did = newDid()
      expect(await open().exists(did)).toBe(false)
      await expect(open().read(did, async () => 1)).rejects.toEqual(NO_REPO)
      await expect(open().transact(did, async () => 1)).rejects.toEqual(NO_REPO)
      await expect(open().signingKey(did)).rejects.toEqual(NO_REPO)
      await open().destroy(did)
    })

    it('creates an actor without a head, and leaves it alone when it is created again', async () => {
      const did = newDid()
      await open().create(did)
      expect(await open().exists(did)).toBe(true)
      expect(await open().read(did, ({ repo }) => repo.findHead())).toBeNull()
      await open().transact(did, append('one'))
      await open().create(did)
      expect(await texts(did)).toEqual(['one'])
    })

    it('creates an actor once when several ask at the same time', async () => {
      const did = newDid()
      await Promise.all(Array.from({ length: 5 }, () => open().create(did)))
      await Promise.all(Array.from({ length: 5 }, () => open().transact(did, append('x'))))
      expect(await texts(did)).toHaveLength(5)
    })
  })

  describe('transactions', () => {
    it('keep everything or nothing', async () => {
      const did = await newActor(open())
      const failure = new Error('changed my mind')
      const write = open().transact(did, async ({ events, stubs, records }) => {
        await events.append(utf8('lost'), 0)
        await stubs.put([{ key: 'a', payload: '{}' }], 0)
        await records.apply({ created: [entry('a', 'bafy')], updated: [], deleted: [] })
        throw failure
      })
      await expect(write).rejects.toBe(failure)
      expect(await texts(did)).toEqual([])
      expect(await open().read(did, ({ stubs }) => stubs.list(10))).toEqual([])
      expect(await open().read(did, ({ records }) => records.findCids([entry('a', '')]))).toEqual(new Map())
      expect(await open().transact(did, append('kept'))).toBe(1)
    })

    it('see what they have written themselves', async () => {
      const did = await newActor(open())
      const seen = await open().transact(did, async ({ events }) => {
        await events.append(utf8('mine'), 0)
        return events.latestSeq()
      })
      expect(seen).toBe(1)
    })

    it('take turns at one actor', async () => {
      const did = await newActor(open())
      const increment = () =>
        open().transact(did, async ({ events }) => {
          const last = await events.latestSeq()
          await events.append(utf8(String(last)), 0)
          return last
        })
      const found = await Promise.all(Array.from({ length: 20 }, increment))
      expect(found.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index))
    })

    it('run side by side for different actors, and never meet', async () => {
      const dids = await Promise.all(Array.from({ length: 8 }, () => newActor(open())))
      await Promise.all(dids.flatMap((did) => [1, 2, 3].map(() => open().transact(did, append(did)))))
      for (const did of dids) expect(await texts(did)).toEqual([did, did, did])
    })

    it('refuse what comes after their end, from a branch that nobody waited for', async () => {
      const did = await newActor(open())
      const over = Promise.withResolvers<void>()
      const late = await open().transact(did, async (stores) => ({
        outcome: over.promise.then(() => append('late')(stores)),
      }))
      over.resolve()
      await expect(late.outcome).rejects.toThrow()
      expect(await texts(did)).toEqual([])
    })

    it('end whole when one of several statements fails that were sent together', async () => {
      const did = await newActor(open())
      const twice = [entry('same', 'a')]
      await open().transact(did, ({ records }) => records.apply({ created: twice, updated: [], deleted: [] }))
      const write = open().transact(did, ({ records, events, stubs }) =>
        Promise.all([
          records.apply({ created: twice, updated: [], deleted: [] }),
          stubs.put([{ key: 'b', payload: '{}' }], 0),
          events.append(utf8('half'), 0),
        ]),
      )
      await expect(write).rejects.toThrow()
      expect(await texts(did)).toEqual([])
      expect(await open().read(did, ({ stubs }) => stubs.list(10))).toEqual([])
    })

    it('are kept when they say that they have asked for everything', async () => {
      const did = await newActor(open())
      const seq = await open().transact(did, async (stores, finish) => {
        const appended = [append('one')(stores), append('two')(stores)]
        finish?.()
        return Promise.all(appended)
      })
      expect(seq).toEqual([1, 2])
      expect(await texts(did)).toEqual(['one', 'two'])
    })

    it('end whole when a statement fails, also where they have said so', async () => {
      const did = await newActor(open())
      const twice = [entry('same', 'a')]
      await open().transact(did, ({ records }) => records.apply({ created: twice, updated: [], deleted: [] }))
      const write = open().transact(did, async ({ records, events }, finish) => {
        const asked = [
          events.append(utf8('half'), 0),
          records.apply({ created: twice, updated: [], deleted: [] }),
        ]
        finish?.()
        return Promise.all(asked)
      })
      await expect(write).rejects.toThrow()
      expect(await texts(did)).toEqual([])
      expect(await open().transact(did, append('kept'))).toBe(1)
    })

    it('end whole when something fails before it is a statement, also where they have said so', async () => {
      const did = await newActor(open())
      const write = open().transact(did, async ({ events }, finish) => {
        const asked = [
          events.append(utf8('half'), 0),
          // No column holds that.
          events.append(utf8('other half'), Symbol('never') as never),
        ]
        finish?.()
        return Promise.all(asked)
      })
      await expect(write).rejects.toThrow()
      expect(await texts(did)).toEqual([])
      expect(await open().transact(did, append('kept'))).toBe(1)
    })

    it('end whole when the head is another one, also where they have said so', async () => {
      const did = await newActor(open())
      const [first, second] = [await head('first', 1), await head('second', 2)]
      const none = { added: new Map<string, Uint8Array>(), removed: [], removedRecords: [] }
      const move = (from: RepoHead, to: RepoHead) =>
        open().transact(did, async ({ repo, events }, finish) => {
          const asked = [repo.applyCommit(from, to, none), events.append(utf8(to.rev), 0)]
          finish?.()
          return Promise.all(asked)
        })
      await expect(move(second, first)).rejects.toMatchObject({ code: 'ConcurrentModification' })
      await open().transact(did, ({ repo }) => repo.dropHead())
      await expect(move(first, second)).rejects.toMatchObject({ code: 'ConcurrentModification' })
      expect(await texts(did)).toEqual([])
    })
  })

  describe('snapshots', () => {
    it('show one state, while others write, until they are closed', async () => {
      const did = await newActor(open())
      const snapshot = await open().openSnapshot(did)
      const [cid, bytes] = await block('later')
      await open().transact(did, async ({ repo }) => {
        const added = new Map([[cid, bytes]])
        const changes = { added, removed: [], removedRecords: [] }
        await repo.applyCommit(await head('first', 1), await head('second', 2), changes)
      })
      const { repo } = snapshot.stores
      expect((await repo.findHead())?.rev).toBe((await head('first', 1)).rev)
      expect(await repo.findBlock(cid)).toBeNull()
      await snapshot.close()
      await snapshot.close()
      await expect(repo.findHead()).rejects.toThrow()
      const next = await open().openSnapshot(did)
      expect(await next.stores.repo.findBlock(cid)).not.toBeNull()
      await next.close()
    })

    it('end with the actor', async () => {
      const did = await newActor(open())
      const { stores, close } = await open().openSnapshot(did)
      await open().destroy(did)
      await expect(stores.repo.findHead()).rejects.toThrow()
      await close()
      await expect(open().openSnapshot(did)).rejects.toEqual(NO_REPO)
    })
  })

  describe('signing keys', () => {
    it('are made once for each actor, and sign', async () => {
      const [one, other] = [await newActor(open()), await newActor(open())]
      const [first, ...others] = await Promise.all([1, 2, 3].map(() => open().signingKey(one)))
      expect(new Set([first, ...others].map((key) => key?.did())).size).toBe(1)
      expect((await open().signingKey(other)).did()).not.toBe(first?.did())
      expect(parseDidKey(first!.did()).jwtAlg).toBe(P256_JWT_ALG)
      const signature = await first!.sign(utf8('text'))
      expect(await verifySignature(first!.did(), utf8('text'), signature)).toBe(true)
    })
  })

  describe('the end of an actor', () => {
    it('leaves nothing to be found, and nothing for one created anew under the same DID', async () => {
      const [did, bystander] = [await newActor(open()), await newActor(open())]
      const [cid, bytes] = await block('content')
      for (const each of [did, bystander]) {
        await open().transact(each, async ({ repo, records, events, stubs }) => {
          const added = new Map([[cid, bytes]])
          await repo.applyCommit(await head('first', 1), await head('second', 2), {
            added,
            removed: [],
            removedRecords: [],
          })
          await records.apply({ created: [entry('a', cid)], updated: [], deleted: [] })
          await stubs.put([{ key: 'a', payload: '{}' }], 0)
          await events.append(utf8('one'), 0)
        })
      }
      const key = (await open().signingKey(did)).did()
      await open().destroy(did)
      expect(await open().exists(did)).toBe(false)
      await expect(open().read(did, async () => 1)).rejects.toEqual(NO_REPO)
      await expect(open().transact(did, async () => 1)).rejects.toEqual(NO_REPO)
      await open().destroy(did)

      await open().create(did)
      expect(await contents(open(), did)).toEqual({
        head: null,
        blocks: [],
        cids: 0,
        events: [],
        jobs: [],
        seq: 0,
      })
      expect((await open().signingKey(did)).did()).not.toBe(key)
      expect(await contents(open(), bystander)).toMatchObject({ cids: 1, seq: 1 })
    })

    it('waits for work under way, and comes before work that begins later', async () => {
      const did = await newActor(open())
      const began = Promise.withResolvers<void>()
      const mayEnd = Promise.withResolvers<void>()
      const order: string[] = []
      const write = open().transact(did, async ({ events }) => {
        // An answer shows that the actor is held.
        await events.latestSeq()
        began.resolve()
        await mayEnd.promise
        await events.append(utf8('one'), 0)
        order.push('written')
      })
      await began.promise
      const destroyed = open()
        .destroy(did)
        .then(() => order.push('destroyed'))
      mayEnd.resolve()
      await Promise.all([write, destroyed])
      expect(order).toEqual(['written', 'destroyed'])
      await expect(open().read(did, async () => 1)).rejects.toEqual(NO_REPO)
    })
  })
}

async function contents(actors: Actors, did: ReturnType<typeof newDid>) {
  return actors.read(did, async ({ repo, records, events, stubs }) => ({
    head: await repo.findHead(),
    blocks: await repo.listBlocks('', 10),
    cids: (await records.findCids([entry('a', '')])).size,
    events: await events.listAfter(0, 10),
    jobs: await stubs.list(10),
    seq: await events.latestSeq(),
  }))
}
