// #region imports
import { createSigningKeyResolver, hydrateRecords, parseStub, type StratosAccess } from 'stratos-client'
// #endregion

/** Makes a feed of the stubs on authors' PDSes. */
export async function feed(
  stratos: StratosAccess,
  place: { serviceDid: string; plcUrl?: string },
  stubs: readonly unknown[],
) {
  const { serviceDid, plcUrl } = place
  // #region feed
  const targets = stubs.flatMap((stub) => parseStub(stub)?.subject ?? [])

  const results = await hydrateRecords(stratos, targets, {
    findSigningKey: createSigningKeyResolver({ serviceDid, plcUrl }),
  })
  const posts = results.filter((result) => result.status === 'found')
  // #endregion
  return { results, posts }
}
