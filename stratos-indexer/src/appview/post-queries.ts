import type { Db } from '../tables/database.ts'
import type { KeptPost } from './feed-queries.ts'
import type { Viewer } from './viewer.ts'

/** A post with its place in a thread. */
export interface ThreadPost extends KeptPost {
  readonly replyParent: string | null
}

/** @returns null also for a post that the viewer may not see: the query is the same, and so is the work */
export async function findPost(db: Db, viewer: Viewer, uri: string): Promise<ThreadPost | null> {
  const [post] = await readable(db, viewer).where('p.uri', '=', uri).orderBy('p.service').limit(1).execute()
  return post ?? null
}

/** Lists answers to any of some posts that the viewer may see, oldest first. */
export function listReplies(
  db: Db,
  viewer: Viewer,
  parents: readonly string[],
  limit: number,
): Promise<ThreadPost[]> {
  return readable(db, viewer)
    .where('p.replyParent', 'in', parents)
    .orderBy('p.sortAt')
    .orderBy('p.uri')
    .orderBy('p.service')
    .limit(limit)
    .execute()
}

/** Posts behind a boundary of the viewer, and the viewer's own, each on a service where the viewer is enrolled. */
function readable(db: Db, { did, boundaries }: Viewer) {
  return db
    .selectFrom('stratos_post as p')
    .innerJoin('stratos_record as r', (join) =>
      join.onRef('r.uri', '=', 'p.uri').onRef('r.service', '=', 'p.service'),
    )
    .leftJoin('stratos_actor as a', 'a.did', 'p.creator')
    .select(['p.uri', 'p.service', 'r.cid', 'p.creator', 'a.handle', 'r.record', 'r.indexedAt'])
    .select(['p.sortAt', 'p.replyParent'])
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
