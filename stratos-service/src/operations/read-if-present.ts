import { StratosError, type Actors, type ActorStores, type Did } from 'stratos-core'

/** `actors.read`, with null in place of an error when there is no such repo. */
export async function readIfPresent<T>(
  actors: Pick<Actors, 'read'>,
  did: Did,
  work: (stores: ActorStores) => Promise<T>,
): Promise<T | null> {
  try {
    return await actors.read(did, work)
  } catch (err) {
    if (err instanceof StratosError && err.code === 'RepoNotFound') return null
    throw err
  }
}
