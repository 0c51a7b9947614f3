// #region imports
import {
  createStratosFetchHandler,
  fetchAndVerifyRecord,
  resolveUserSigningKey,
  type StratosSession,
} from 'stratos-client'
// #endregion

/** Reads somebody's record and checks that it is in their signed repo. */
export async function readAndVerify(
  session: StratosSession,
  place: { serviceUrl: string; serviceDid: string; authorPds: string },
  author: string,
  rkey: string,
) {
  const { serviceUrl, serviceDid, authorPds } = place
  // #region verify
  const userSigningKey = await resolveUserSigningKey(authorPds, author, serviceDid)

  const { record, level } = await fetchAndVerifyRecord(serviceUrl, author, 'zone.stratos.feed.post', rkey, {
    userSigningKey,
    fetchFn: createStratosFetchHandler(session, serviceUrl),
    minimumLevel: 'user-signature',
  })
  // #endregion
  return { record, level }
}
