import { StratosError, type Actors, type ActorStores, type Did } from 'stratos-core'

/** `actors.read`, with null in place of an error when there is no such repo. */
export async function readIfPresent<T>(
  actors: Pick<Actors, 'read'>,
  did: Did,
  work: (stores: ActorStores) => Promise<T>,
): Promise<T | null> {
  return nullIfAbsent(actors.read(did, work))
}

/** What comes of work on a repo, or null when there is no such repo. */
export async function nullIfAbsent<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work
  } catch (err) {
    if (err instanceof StratosError && err.code === 'RepoNotFound') return null
    throw err
  }
}
