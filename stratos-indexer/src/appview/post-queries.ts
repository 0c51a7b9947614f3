import type { Db } from '../tables/database.ts'
import { keptWithin, MAX_ANSWER_BYTES, type KeptPost } from './kept-posts.ts'
import type { Viewer } from './viewer.ts'

/** A post with its place in a thread. */
export interface ThreadPost extends KeptPost {
  readonly replyParent: string | null
}

/** @returns null also for a post that the viewer may not see: the query is the same, and so is the work */
export async function findPost(db: Db, viewer: Viewer, uri: string): Promise<ThreadPost | null> {
  const found = readable(db, viewer).where('p.uri', '=', uri).orderBy('p.service').limit(1)
  const [post] = await listThreadPosts(db, found, MAX_ANSWER_BYTES)
  return post ?? null
}

/** How many posts, and how many bytes of them. */
export interface RepliesLimit {
  readonly posts: number
  readonly bytes: number
}

/** Lists answers to any of some posts that the viewer may see, oldest first. */
export async function listReplies(
  db: Db,
  viewer: Viewer,
  parents: readonly string[],
  limit: RepliesLimit,
): Promise<ThreadPost[]> {
  if (limit.posts <= 0 || limit.bytes <= 0) return []
  const found = readable(db, viewer)
    .where('p.replyParent', 'in', parents)
    .orderBy('p.sortAt')
    .orderBy('p.uri')
    .orderBy('p.service')
    .limit(limit.posts)
  return listThreadPosts(db, found, limit.bytes)
}

function listThreadPosts(
  db: Db,
  places: Parameters<typeof keptWithin>[1],
  maxBytes: number,
): Promise<ThreadPost[]> {
  return keptWithin(db, places, 'asc', maxBytes)
    .innerJoin('stratos_post as p', (join) =>
      join.onRef('p.uri', '=', 'w.uri').onRef('p.service', '=', 'w.service'),
    )
    .select('p.replyParent')
    .execute()
}

/** Places of posts behind a boundary of the viewer, and of the viewer's own, each on a service where the viewer is enrolled. */
function readable(db: Db, { did, boundaries }: Viewer) {
  return db
    .selectFrom('stratos_post as p')
    .select(['p.uri', 'p.service', 'p.sortAt'])
    .where((eb) =>
      eb.or(
        [...boundaries].map(([service, held]) =>
          eb.and([
            eb('p.service', '=', service),
            eb.or([
              eb('p.creator', '=', did),
              ...(held.length === 0
                ? []
                : [
                    eb.exists(
                      eb
                        .selectFrom('stratos_post_boundary as b')
                        .select('b.uri')
                        .whereRef('b.uri', '=', 'p.uri')
                        .whereRef('b.service', '=', 'p.service')
                        .where('b.boundary', 'in', held),
                    ),
                  ]),
            ]),
          ]),
        ),
      ),
    )
}
