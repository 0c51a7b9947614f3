import type { Did } from '../ids.ts'
import type { Viewer } from './viewer.ts'

/**
 * Which records of one repo a query may touch: all of them, or those behind at least one of the listed boundaries. The
 * empty list touches none.
 *
 * Stores apply it inside the query. A record without a boundary is in no scope but `all`.
 */
export type ReadScope =
  { readonly kind: 'all' } | { readonly kind: 'boundaries'; readonly boundaries: readonly string[] }

/** For the write path, which must see the whole repo. Never hand out what a query with this scope finds. */
export const FULL_SCOPE: ReadScope = { kind: 'all' }

/**
 * The scope in which `viewer` reads the repo of `owner`. It contains exactly the records that `mayRead` allows.
 *
 * @param serviceBoundaries all boundaries of this service's configuration, fully qualified
 */
export function readScopeOf(viewer: Viewer, owner: Did, serviceBoundaries: ReadonlySet<string>): ReadScope {
  const isOwner = viewer.kind === 'user' && viewer.did === owner
  if (isOwner && viewer.throughService === undefined) return FULL_SCOPE
  if (isOwner || viewer.kind === 'service') return { kind: 'boundaries', boundaries: [...serviceBoundaries] }
  if (viewer.kind !== 'user' || !viewer.enrolled) return { kind: 'boundaries', boundaries: [] }
  // A boundary the operator has retired opens nothing, even where rows still grant it.
  return {
    kind: 'boundaries',
    boundaries: [...viewer.boundaries].filter((held) => serviceBoundaries.has(held)),
  }
}
