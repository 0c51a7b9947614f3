import { asDatetimeString } from '@atproto/syntax'
import { parseDid, type SignedMembership, type Viewer } from 'stratos-core'
import type { zone } from 'stratos-core/lexicons'
import type { Enrollments } from '../../../../operations/enrollments.ts'
import type { Handler } from '../../../method-table.ts'

export const status =
  (enrollments: Pick<Enrollments, 'status'>): Handler<typeof zone.stratos.enrollment.status.main, Viewer> =>
  async ({ viewer, params }) => {
    const did = parseDid(params.did)
    const found = await enrollments.status(viewer, did)
    if (!found.enrolled) return { did, enrolled: false }
    const { enrolledAt, signingKey, boundaries, enrollmentRkey, attestation, attestationV2, needsReauth } =
      found
    return {
      did,
      enrolled: true,
      enrolledAt: asDatetimeString(enrolledAt),
      signingKey,
      active: boundaries === undefined ? undefined : true,
      boundaries: boundaries?.map((value) => ({ value })),
      enrollmentRkey,
      attestation,
      attestationV2: attestationV2 === undefined ? undefined : toWire(attestationV2),
      needsReauth,
    }
  }

function toWire({ aud, did, boundaries, ...rest }: SignedMembership) {
  return { ...rest, aud: parseDid(aud), did: parseDid(did), boundaries: [...boundaries] }
}
