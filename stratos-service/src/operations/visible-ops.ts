import { parseNsid, parseRkey, type ReadScope, type RecordKey } from 'stratos-core'
import type { CommitOp } from './commit-event.ts'

/**
 * The changes of a commit as they look within a scope. A record that comes into the scope or changes there is told as it
 * is; one that leaves it looks deleted.
 *
 * @param collections null for all
 */
export function visibleOps(
  ops: readonly CommitOp[],
  scope: ReadScope,
  collections: ReadonlySet<string> | null,
): CommitOp[] {
  const wanted = collections === null ? ops : ops.filter(({ path }) => collections.has(collectionOf(path)))
  if (scope.kind === 'all') return [...wanted]
  const within = (boundaries: readonly string[]) => boundaries.some((name) => scope.boundaries.includes(name))
  return wanted.flatMap((op): CommitOp[] => {
    if (within(op.boundaries)) return [op]
    if (within(op.formerBoundaries)) return [{ ...op, action: 'delete', cid: null, bytes: 0 }]
    return []
  })
}

export function keyOf(path: string): RecordKey {
  const collection = collectionOf(path)
  return { collection: parseNsid(collection), rkey: parseRkey(path.slice(collection.length + 1)) }
}

function collectionOf(path: string): string {
  return path.slice(0, path.indexOf('/'))
}
