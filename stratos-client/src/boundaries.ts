import { boundariesOf, isQualified, parseBoundary, qualifyBoundary, type Boundary } from 'stratos-core'

/** The member `boundary` of a record. */
export interface BoundaryMember {
  $type: 'zone.stratos.boundary.defs#Domains'
  values: { $type: 'zone.stratos.boundary.defs#Domain'; value: Boundary }[]
}

/** The part of a boundary that people read: `writers` of `did:web:stratos.example.com/writers`. */
export function boundaryName(boundary: string): string {
  return parseBoundary(boundary)?.name ?? boundary
}

/**
 * Makes the member `boundary` of a record.
 *
 * @param boundaries fully qualified, at least one; see {@link qualifyBoundary}
 * @throws {RangeError} if there is none, or one that is not qualified
 */
export function buildBoundary(...boundaries: string[]): BoundaryMember {
  if (boundaries.length === 0) throw new RangeError('a private record needs a boundary')
  return {
    $type: 'zone.stratos.boundary.defs#Domains',
    values: boundaries.map((value) => {
      if (!isQualified(value)) throw new RangeError(`${value} is not a boundary; write <service DID>/<name>`)
      return { $type: 'zone.stratos.boundary.defs#Domain', value }
    }),
  }
}

/** The boundaries of a record, by their service. A service that is not among the keys has none. */
export function groupBoundaries(boundaries: readonly string[]): Map<string, Boundary[]> {
  const groups = new Map<string, Boundary[]>()
  for (const boundary of boundaries.filter(isQualified)) {
    const serviceDid = parseBoundary(boundary)?.serviceDid ?? ''
    groups.set(serviceDid, [...(groups.get(serviceDid) ?? []), boundary])
  }
  return groups
}

export { boundariesOf, isQualified, parseBoundary, qualifyBoundary, type Boundary }
