import type { Did } from 'stratos-core'

/** Who is enrolled. An answer may be up to 5 s old. */
export interface Memberships {
  /** @returns null if the DID has no active enrollment; boundaries are fully qualified */
  find(did: Did): Promise<{ readonly boundaries: ReadonlySet<string> } | null>
}
