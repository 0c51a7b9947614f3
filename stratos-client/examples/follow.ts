// #region imports
import { createStreamTokens, formatAudience, subscribeRecords, type FetchHandler } from 'stratos-client'
// #endregion

/** Follows a repo until `signal` aborts. */
export async function follow(
  pds: FetchHandler,
  place: { serviceUrl: string; serviceDid: string },
  did: string,
  signal: AbortSignal,
  show: (path: string) => void,
) {
  const { serviceUrl, serviceDid } = place
  // #region follow
  const getToken = createStreamTokens(pds, formatAudience(serviceDid))

  for await (const event of subscribeRecords(serviceUrl, { did, getToken, signal })) {
    if (event.kind !== 'commit') continue
    for (const { action, collection, rkey } of event.changes) show(`${action} ${collection}/${rkey}`)
  }
  // #endregion
}
