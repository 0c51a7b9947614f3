import { expect, it } from 'vitest'
import type { BacklogStore } from '../storage/backlog-store.ts'
import { newDid } from './samples.ts'

/** What every implementation of `BacklogStore` must do. Call it inside `describe`. */
export function backlogStoreContract(open: () => BacklogStore): void {
  it('remembers each actor once until it is removed', async () => {
    const [one, two] = [newDid(), newDid()]
    for (const did of [one, two, one]) await open().add(did)
    const listed = async () => (await open().list()).filter((did) => did === one || did === two)
    expect((await listed()).toSorted()).toEqual([one, two].toSorted())
    await open().remove(one)
    await open().remove(one)
    expect(await listed()).toEqual([two])
  })
}
