import { describe, expect, it } from 'vitest'
import type { Did, Tid } from '../ids.ts'
import type { Actors } from '../storage/actors.ts'
import type { BlockChanges, RepoHead, RepoStore } from '../storage/repo-store.ts'
import { block, entry, head, newActor } from './samples.ts'

const CONFLICT = expect.objectContaining({ code: 'ConcurrentModification' })
const NOTHING: BlockChanges = { added: new Map(), removed: [], removedRecords: [] }
const plain = (bytes: Uint8Array | null | undefined) => (bytes == null ? bytes : Uint8Array.from(bytes))

/** What every implementation of `RepoStore` must do. Call it inside `describe`. */
export function repoStoreContract(open: () => Actors): void {
  const read = <T>(did: Did, work: (repo: RepoStore) => Promise<T>) =>
    open().read(did, ({ repo }) => work(repo))
  const commit = (did: Did, from: RepoHead | null, to: RepoHead, changes: Partial<BlockChanges> = {}) =>
    open().transact(did, ({ repo }) => repo.applyCommit(from, to, { ...NOTHING, ...changes }))

  describe('the head', () => {
    it('is kept as it was given', async () => {
      const did = await newActor(open())
      const found = await read(did, (repo) => repo.findHead())
      const first = await head('first', 1)
      expect([String(found?.cid), found?.rev, String(found?.data)]).toEqual([
        String(first.cid),
        first.rev,
        String(first.data),
      ])
    })

    it('moves only from where the caller believes it to be', async () => {
      const did = await newActor(open())
      const [first, second, third] = await Promise.all([
        head('first', 1),
        head('second', 2),
        head('third', 3),
      ])
      const added = new Map([await block('not to be kept')])
      await expect(commit(did, second, third, { added })).rejects.toEqual(CONFLICT)
      await expect(commit(did, null, third, { added })).rejects.toEqual(CONFLICT)
      expect(await read(did, (repo) => repo.listBlocks('', 10))).toEqual([])
      await commit(did, first, second)
      expect((await read(did, (repo) => repo.findHead()))?.rev).toBe(second.rev)
    })
  })

  describe('a repo without its head', () => {
    it('takes no commit any more', async () => {
      const did = await newActor(open())
      await open().transact(did, ({ repo }) => repo.dropHead())
      expect(await read(did, (repo) => repo.findHead())).toBeNull()
      await expect(commit(did, await head('first', 1), await head('second', 2))).rejects.toEqual(CONFLICT)
    })
  })

  describe('blocks', () => {
    it('of several commits are added at once, each since its own, and what is there already stays', async () => {
      const did = await newActor(open())
      const [first, second, third] = await Promise.all([
        head('first', 1),
        head('second', 2),
        head('third', 3),
      ])
      const [a, b, c] = await Promise.all(['a', 'b', 'c'].map(block))
      await commit(did, first, second, { added: new Map([a!]) })
      await open().transact(did, async ({ repo }) => {
        await repo.addBlocks([
          { cid: a![0], bytes: a![1], rev: third.rev },
          { cid: b![0], bytes: b![1], rev: second.rev },
          { cid: c![0], bytes: c![1], rev: third.rev },
        ])
        await repo.applyCommit(second, third, NOTHING)
      })
      const cids = [a!, b!, c!].map(([cid]) => cid)
      expect([...(await read(did, (repo) => repo.findBlocks(cids))).keys()].toSorted()).toEqual(
        cids.toSorted(),
      )
      expect([...(await read(did, (repo) => repo.findBlocks(cids, second.rev))).keys()]).toEqual([c![0]])
    })

    it('are found one by one and together, and absent when unknown', async () => {
      const did = await newActor(open())
      const [a, b, c] = await Promise.all(['a', 'b', 'c'].map(block))
      await commit(did, await head('first', 1), await head('second', 2), { added: new Map([a!, b!]) })
      expect(plain(await read(did, (repo) => repo.findBlock(a![0])))).toEqual(a![1])
      expect(await read(did, (repo) => repo.findBlock(c![0]))).toBeNull()
      const found = await read(did, (repo) => repo.findBlocks([c![0], b![0], a![0]]))
      expect(new Map([...found].map(([cid, bytes]) => [cid, plain(bytes)]))).toEqual(new Map([a!, b!]))
      expect(await read(did, (repo) => repo.findBlocks([]))).toEqual(new Map())
    })

    it('are told apart by when they came, however often they were added since', async () => {
      const did = await newActor(open())
      const [a, b, c] = await Promise.all(['a', 'b', 'c'].map(block))
      const [first, second, third] = await Promise.all([1, 2, 3].map((n) => head(`n${n}`, n)))
      await commit(did, await head('first', 1), first!)
      await commit(did, first!, second!, { added: new Map([a!, b!]) })
      await commit(did, second!, third!, { added: new Map([b!, c!]) })
      const since = async (rev: Tid) =>
        [...(await read(did, (repo) => repo.findBlocks([a![0], b![0], c![0]], rev))).keys()].toSorted()
      expect(await since(first!.rev)).toEqual([a![0], b![0], c![0]].toSorted())
      expect(await since(second!.rev)).toEqual([c![0]])
      expect(await since(third!.rev)).toEqual([])
      await commit(did, third!, await head('n4', 4), { added: new Map([a!]), removed: [a![0]] })
      expect(await since(third!.rev)).toEqual([a![0]])
    })

    it('are listed page by page in the order of their CIDs, however many there are', async () => {
      const did = await newActor(open())
      const blocks = await Promise.all(Array.from({ length: 1_203 }, (_, index) => block(`block ${index}`)))
      await commit(did, await head('first', 1), await head('second', 2), { added: new Map(blocks) })
      const listed: string[] = []
      for (let page; page === undefined || page.length > 0;) {
        page = await read(did, (repo) => repo.listBlocks(listed.at(-1) ?? '', 500))
        listed.push(...page.map(({ cid }) => cid))
      }
      expect(listed).toEqual(blocks.map(([cid]) => cid).toSorted())
      const cids = blocks.map(([cid]) => cid)
      expect((await read(did, (repo) => repo.findBlocks(cids))).size).toBe(blocks.length)
      await commit(did, await head('second', 2), await head('third', 3), { removed: cids.slice(1) })
      expect(await read(did, (repo) => repo.listBlocks('', 10))).toHaveLength(1)
    })

    it('stay when one commit removes and adds them, and may be added twice', async () => {
      const did = await newActor(open())
      const [cid, bytes] = await block('again')
      const added = new Map([[cid, bytes]])
      await commit(did, await head('first', 1), await head('second', 2), { added })
      await commit(did, await head('second', 2), await head('third', 3), { added, removed: [cid] })
      await commit(did, await head('third', 3), await head('fourth', 4), { added })
      expect(plain(await read(did, (repo) => repo.findBlock(cid)))).toEqual(bytes)
    })

    it('of records go with the last record that has them', async () => {
      const did = await newActor(open())
      const [cid, bytes] = await block('shared by two')
      const [one, two] = [entry('one', cid), entry('two', cid)]
      await open().transact(did, ({ records }) =>
        records.apply({ created: [one, two], updated: [], deleted: [] }),
      )
      await commit(did, await head('first', 1), await head('second', 2), { added: new Map([[cid, bytes]]) })

      const remove = async (gone: typeof one, from: RepoHead, to: RepoHead) =>
        open().transact(did, async ({ repo, records }) => {
          await Promise.all([
            records.apply({ created: [], updated: [], deleted: [gone] }),
            repo.applyCommit(from, to, { ...NOTHING, removedRecords: [cid] }),
          ])
        })
      await remove(one, await head('second', 2), await head('third', 3))
      expect(plain(await read(did, (repo) => repo.findBlock(cid)))).toEqual(bytes)
      await remove(two, await head('third', 3), await head('fourth', 4))
      expect(await read(did, (repo) => repo.findBlock(cid))).toBeNull()
    })

    it('of one repo are not those of another', async () => {
      const [did, other] = [await newActor(open()), await newActor(open())]
      const [cid, bytes] = await block('mine')
      await commit(did, await head('first', 1), await head('second', 2), { added: new Map([[cid, bytes]]) })
      expect(await read(other, (repo) => repo.findBlock(cid))).toBeNull()
      expect(await read(other, (repo) => repo.listBlocks('', 10))).toEqual([])
      await commit(other, await head('first', 1), await head('second', 2), { removed: [cid] })
      expect(plain(await read(did, (repo) => repo.findBlock(cid)))).toEqual(bytes)
    })
  })
}
