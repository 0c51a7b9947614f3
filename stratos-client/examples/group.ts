// #region imports
import {
  boundaryName,
  chooseEnrollment,
  createStratosAgent,
  discoverEnrollments,
  type StratosSession,
} from 'stratos-client'
// #endregion

/** A group without invitations: whoever holds the boundary is in it, and reads what the others have posted. */
export async function readGroup(
  session: StratosSession,
  me: { did: string; pdsUrl: string },
  boundary: string,
  members: readonly string[],
) {
  // #region group
  const enrollments = await discoverEnrollments(me.did, me.pdsUrl)
  const enrollment = chooseEnrollment(enrollments, { boundary })
  if (enrollment === null) throw new Error(`you are not in ${boundaryName(boundary)}`)

  const stratos = createStratosAgent(session, enrollment.service)
  const pages = await Promise.all(
    members.map((repo) =>
      stratos.zone('zone.stratos.repo.listRecords', {
        params: { repo, collection: 'zone.stratos.feed.post', limit: 50 },
      }),
    ),
  )
  // #endregion
  return pages.flatMap(({ records }) => records)
}
