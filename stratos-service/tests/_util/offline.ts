import { join } from 'node:path'
import { readCarWithRoot } from '@atproto/repo'
import { parseDid, type ActorStores } from 'stratos-core'
import { collectRepoBlocks, writeCar } from 'stratos-core/repo'
import type { Network } from 'test-network'
import { expect } from 'vitest'
import { openStorage } from '../../src/stores/open-storage.ts'
import { settingsOf } from './databases.ts'

/** Works on an actor's stores directly; the service must be stopped. */
export async function readOffline<T>(
  network: Network,
  did: string,
  work: (stores: ActorStores) => Promise<T>,
): Promise<T> {
  const dataDir = join(network.directory, 'service', 'data')
  const storage = await openStorage(settingsOf(dataDir, network.storageEnv), Date.now)
  try {
    return await storage.actors.read(parseDid(did), work)
  } finally {
    await storage.close()
  }
}

/** Exports a repo as a CAR, and sees to it that nothing else is kept than what the newest commit reaches. */
export async function exportCar({ repo }: ActorStores): Promise<Uint8Array<ArrayBuffer>> {
  const head = await repo.findHead()
  if (head === null) throw new Error('there is no head')
  const chunks: Uint8Array[] = []
  for await (const chunk of writeCar([head.cid], collectRepoBlocks(repo, head.cid))) chunks.push(chunk)
  const car = Uint8Array.from(Buffer.concat(chunks))
  const { blocks: reached } = await readCarWithRoot(car)
  const kept = await repo.listBlocks('', 100_000)
  expect(kept.map(({ cid }) => cid).toSorted()).toEqual([...reached.cids()].map(String).toSorted())
  return car
}
