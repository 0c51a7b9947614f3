import type { AliasedExpression } from 'kysely'
import type { Db } from '../tables/database.ts'
import type { FeedPosition } from './cursor.ts'

/** A post as it is kept, of which the viewer was found to be a reader. */
export interface KeptPost {
  readonly uri: string
  readonly service: string
  readonly cid: string
  readonly creator: string
  /** null if none is known to hold. */
  readonly handle: string | null
  /** Canonical DAG-CBOR. */
  readonly record: Uint8Array
  readonly indexedAt: string
  readonly sortAt: string
}

/** Where a post stands in a list, and which service has it. */
export interface Place extends FeedPosition {
  readonly service: string
}

/**
 * What the records of one answer may weigh, give or take one record: whoever writes large ones must not fill the memory that
 * all share.
 */
export const MAX_ANSWER_BYTES = 2 * 1024 * 1024

/** @returns what the records weigh, in bytes */
export function weigh(posts: readonly Pick<KeptPost, 'record'>[]): number {
  return posts.reduce((sum, { record }) => sum + record.byteLength, 0)
}

/**
 * Finds the records of some places, in order, and ends where they weigh too much. No more of them are read than that.
 *
 * @param maxBytes more than 0; the record that reaches it is the last one
 */
export function keptWithin(
  db: Db,
  places: { as(alias: 'place'): AliasedExpression<Place, 'place'> },
  order: 'asc' | 'desc',
  maxBytes: number,
) {
  const weighed = db
    .selectFrom(places.as('place'))
    .innerJoin('stratos_record as r', (join) =>
      join.onRef('r.uri', '=', 'place.uri').onRef('r.service', '=', 'place.service'),
    )
    .select(['place.uri', 'place.service', 'place.sortAt'])
    .select((eb) => {
      const bytes = eb.fn<number>('length', ['r.record'])
      const upToThis = eb.fn
        .sum<number>(bytes)
        .over((over) =>
          over.orderBy('place.sortAt', order).orderBy('place.uri', order).orderBy('place.service', order),
        )
      return eb(upToThis, '-', bytes).as('bytesBefore')
    })
  return db
    .selectFrom(weighed.as('w'))
    .innerJoin('stratos_record as r', (join) =>
      join.onRef('r.uri', '=', 'w.uri').onRef('r.service', '=', 'w.service'),
    )
    .leftJoin('stratos_actor as a', 'a.did', 'r.did')
    .select(['r.uri', 'r.service', 'r.cid', 'r.did as creator', 'r.record', 'r.indexedAt'])
    .select(['a.handle', 'w.sortAt'])
    .where('w.bytesBefore', '<', maxBytes)
    .orderBy('w.sortAt', order)
    .orderBy('w.uri', order)
    .orderBy('w.service', order)
}

/** As `keptWithin`, newest first, for an answer that has nothing else. */
export function listKept(
  db: Db,
  places: { as(alias: 'place'): AliasedExpression<Place, 'place'> },
): Promise<KeptPost[]> {
  return keptWithin(db, places, 'desc', MAX_ANSWER_BYTES).execute()
}
