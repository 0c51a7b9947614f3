/**
 * A boundary names a group of people on one service: `{serviceDid}/{name}`, for example
 * `did:web:stratos.example.com/writers`. Boundaries are compared as whole strings, exactly; there is no hierarchy, no
 * pattern and no normalisation.
 */
export type Boundary = `did:${string}/${string}`

export interface BoundaryParts {
  readonly serviceDid: string
  readonly name: string
}

/** Longest boundary, in characters, its service's DID included (lexicon `zone.stratos.boundary.defs#Domain`). */
export const MAX_BOUNDARY_LENGTH = 253

const QUALIFIED = /^(did:[^:/]+:[^/]+)\/(.+)$/su

/** Splits a boundary at the slash that ends its service's DID. @returns null for anything else than a boundary */
export function parseBoundary(value: unknown): BoundaryParts | null {
  if (typeof value !== 'string' || value.length > MAX_BOUNDARY_LENGTH) return null
  const [, serviceDid, name] = QUALIFIED.exec(value) ?? []
  return serviceDid === undefined || name === undefined ? null : { serviceDid, name }
}

export function isQualified(value: unknown): value is Boundary {
  return parseBoundary(value) !== null
}

/** Makes a boundary of a name from the operator's configuration. Does not check its length. */
export function qualifyBoundary(serviceDid: string, name: string): Boundary {
  return `${serviceDid as `did:${string}`}/${name}`
}
