import { parseDid, type Viewer } from 'stratos-core'
import type { zone } from 'stratos-core/lexicons'
import type { Enrollments } from '../../../../operations/enrollments.ts'
import type { Handler } from '../../../method-table.ts'

export const resolveEnrollments =
  (
    enrollments: Pick<Enrollments, 'resolve'>,
  ): Handler<typeof zone.stratos.identity.resolveEnrollments.main, Viewer> =>
  async ({ viewer, params }) => {
    const did = parseDid(params.did)
    const boundaries = await enrollments.resolve(viewer, did)
    return { did, enrolled: boundaries !== null, boundaries: [...(boundaries ?? [])] }
  }
