import type { zone } from 'stratos-core/lexicons'
import type { EnrolledViewer } from '../../../../auth/guards.ts'
import type { Enrollments } from '../../../../operations/enrollments.ts'
import type { Handler } from '../../../method-table.ts'

export const unenroll =
  (
    enrollments: Pick<Enrollments, 'unenroll'>,
  ): Handler<typeof zone.stratos.enrollment.unenroll.main, EnrolledViewer> =>
  async ({ viewer }) => {
    await enrollments.unenroll(viewer.did, { by: 'self' })
    return { success: true }
  }
