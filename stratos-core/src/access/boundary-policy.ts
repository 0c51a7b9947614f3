import { type Boundary, parseBoundary } from '../boundary/boundary.ts'
import { StratosError } from '../errors.ts'
import type { Did } from '../ids.ts'
import { ALLOW, type Decision, deny } from './decision.ts'
import { decideRead } from './read-rules.ts'
import type { UserViewer, Viewer } from './viewer.ts'

/** Most boundaries on one record (lexicon `zone.stratos.boundary.defs#Domains`). */
export const MAX_RECORD_BOUNDARIES = 10

/** The service whose boundaries a record may carry. */
export interface BoundaryAuthority {
  readonly did: string
  /** All boundaries of its configuration, fully qualified. */
  readonly boundaries: ReadonlySet<string>
}

/**
 * Decides whether `viewer` may see a record kept by `owner` behind `boundaries`.
 *
 * The owner sees everything of theirs. Everybody else needs a boundary of the record that the service still has: an
 * enrolled user one that they hold, an allow-listed service any. A record without a boundary is for its owner alone, and
 * not for a service that asks in the owner's name.
 *
 * A denial must reach the client as "not found", with the same work done.
 *
 * @param boundaries of the record, fully qualified, compared exactly
 * @param serviceBoundaries all boundaries of this service's configuration; others count as absent
 */
export function mayRead(
  viewer: Viewer,
  owner: Did,
  boundaries: readonly string[],
  serviceBoundaries: ReadonlySet<string>,
): Decision {
  return decideRead({ viewer, owner, boundaries, serviceBoundaries, takenDown: false })
}

/** Decides whether `viewer` may write to the repo of `owner`: only enrolled people may, and only to their own. */
export function mayWrite(viewer: Viewer, owner: Did): Decision {
  if (viewer.kind === 'anonymous') return deny('not-signed-in')
  const isOwner = viewer.kind === 'user' && viewer.did === owner && viewer.throughService === undefined
  if (!isOwner) return deny('not-owner')
  return viewer.enrolled ? ALLOW : deny('not-enrolled')
}

/**
 * Checks the boundaries that an author has put on a record.
 *
 * @param values of the record's `boundary.values[].value`, as they came from outside
 * @returns the same values, in their order
 * @throws {StratosError} `InvalidRecord` for more than ten, a duplicate or something that is not text;
 *   `ServiceMismatch` for a bare name or another service's boundary; `ForbiddenBoundary` for one that the author does
 *   not hold or that the service does not have (which of the two is not said)
 */
export function checkBoundaries(
  viewer: UserViewer,
  values: readonly unknown[],
  service: BoundaryAuthority,
): Boundary[] {
  if (values.length > MAX_RECORD_BOUNDARIES) {
    throw new StratosError('InvalidRecord', `a record may have at most ${MAX_RECORD_BOUNDARIES} boundaries`)
  }
  const checked = new Set<Boundary>()
  for (const value of values) {
    const boundary = checkBoundary(viewer, value, service)
    if (checked.has(boundary)) throw new StratosError('InvalidRecord', `boundary given twice: ${boundary}`)
    checked.add(boundary)
  }
  return [...checked]
}

function checkBoundary(viewer: UserViewer, value: unknown, service: BoundaryAuthority): Boundary {
  if (typeof value !== 'string') throw new StratosError('InvalidRecord', 'a boundary must be text')
  if (parseBoundary(value)?.serviceDid !== service.did) {
    throw new StratosError(
      'ServiceMismatch',
      `a boundary here has the form ${service.did}/name, at most 253 characters`,
    )
  }
  if (!viewer.enrolled || !viewer.boundaries.has(value) || !service.boundaries.has(value)) {
    throw new StratosError('ForbiddenBoundary', `you may not write behind ${value}`)
  }
  return value as Boundary
}
