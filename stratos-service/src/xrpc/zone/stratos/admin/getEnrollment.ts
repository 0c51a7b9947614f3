import { toDatetimeString } from '@atproto/syntax'
import { parseDid, type Enrollment, type OperatorViewer } from 'stratos-core'
import type { zone } from 'stratos-core/lexicons'
import type { Administration } from '../../../../operations/administration.ts'
import type { Handler } from '../../../method-table.ts'

export const getEnrollment =
  (
    administration: Pick<Administration, 'getEnrollment'>,
  ): Handler<typeof zone.stratos.admin.getEnrollment.main, OperatorViewer> =>
  async ({ params }) =>
    toEnrollmentView(await administration.getEnrollment(parseDid(params.did)))

/** An enrollment as operators see it. */
export function toEnrollmentView(enrollment: Enrollment) {
  const { did, active, boundaries, epoch, signingKey, pdsEndpoint, enrollmentRkey } = enrollment
  return {
    did,
    enrolledAt: toDatetimeString(new Date(enrollment.enrolledAt)),
    active,
    boundaries: [...boundaries],
    epoch,
    signingKey,
    pdsEndpoint: pdsEndpoint as `${string}:${string}`,
    enrollmentRkey,
  }
}
