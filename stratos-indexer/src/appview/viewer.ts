/** An account that reads, and what it may read. */
export interface Viewer {
  readonly did: string
  /** By the DID of each service on which the account is enrolled now: its boundaries there, fully qualified. */
  readonly boundaries: ReadonlyMap<string, readonly string[]>
}

/** The service whose boundary it is; a row of another service counts for nothing. */
export function serviceOf(boundary: string): string {
  return boundary.slice(0, boundary.indexOf('/'))
}

/** All boundaries of a viewer, or the one that was asked for if the viewer holds it. */
export function boundariesToRead({ boundaries }: Viewer, wanted: string | undefined): string[] {
  const all = [...boundaries.values()].flat()
  return wanted === undefined ? all : all.filter((boundary) => boundary === wanted)
}
