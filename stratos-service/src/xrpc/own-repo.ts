import { StratosError, type Did } from 'stratos-core'

export interface HandleLookup {
  /**
   * @param asker whom the look-up is charged to; see `Call`
   * @returns null if it is neither a DID nor the handle of one
   * @throws {StratosError} `RateLimitExceeded`, `ServiceUnavailable`
   */
  findDid(identifier: string, asker: string): Promise<Did | null>
}

/**
 * The repo that a write names, by DID or handle.
 *
 * @returns the DID; whether the viewer may write there is decided by the operation
 * @throws {StratosError} `InvalidRequest` if it names nobody
 */
export async function findOwnRepo(
  identifier: string,
  viewer: { did: Did },
  handles: HandleLookup,
): Promise<Did> {
  // The usual case, without a look-up.
  if (identifier === viewer.did) return viewer.did
  const did = await handles.findDid(identifier, viewer.did)
  if (did === null) throw new StratosError('InvalidRequest', 'repo names no account')
  return did
}
