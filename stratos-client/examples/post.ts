// #region imports
import { buildBoundary, createStratosAgent, type StratosSession } from 'stratos-client'
// #endregion

/** Writes a private post and reads it back. */
export async function post(session: StratosSession, serviceUrl: string, did: string, boundary: string) {
  // #region post
  const stratos = createStratosAgent(session, serviceUrl)

  const { data } = await stratos.com.atproto.repo.createRecord({
    repo: did,
    collection: 'zone.stratos.feed.post',
    record: {
      $type: 'zone.stratos.feed.post',
      text: 'Only for the writers.',
      boundary: buildBoundary(boundary),
      createdAt: new Date().toISOString(),
    },
  })
  // #endregion
  return { stratos, uri: data.uri, cid: data.cid }
}
