import { parseDid, type OperatorViewer } from 'stratos-core'
import type { zone } from 'stratos-core/lexicons'
import type { Administration } from '../../../../operations/administration.ts'
import { formatCursor, parseCursor } from '../../../cursor.ts'
import type { Handler } from '../../../method-table.ts'
import { toEnrollmentView } from './getEnrollment.ts'

export const listEnrollments =
  (
    administration: Pick<Administration, 'listEnrollments'>,
  ): Handler<typeof zone.stratos.admin.listEnrollments.main, OperatorViewer> =>
  async ({ params: { cursor, limit, boundary } }) => {
    const after = cursor === undefined ? '' : parseCursor(cursor, parseDid)
    const page = await administration.listEnrollments(after, limit, boundary)
    const last = page.at(-1)
    return {
      enrollments: page.map(toEnrollmentView),
      cursor: last === undefined || page.length < limit ? undefined : formatCursor(last.did),
    }
  }
