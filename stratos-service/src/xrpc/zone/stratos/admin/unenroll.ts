import { parseDid, type OperatorViewer } from 'stratos-core'
import { zone } from 'stratos-core/lexicons'
import type { Administration } from '../../../../operations/administration.ts'
import type { Enrollments } from '../../../../operations/enrollments.ts'
import type { Handler } from '../../../method-table.ts'
import { auditedBy } from './audited-by.ts'

const METHOD = zone.stratos.admin.unenroll.main

export const unenroll =
  (
    administration: Pick<Administration, 'getEnrollment'>,
    enrollments: Pick<Enrollments, 'unenroll'>,
  ): Handler<typeof METHOD, OperatorViewer> =>
  async ({ viewer, input: { body } }) => {
    // Operators are told that there is nobody of this name as by every other method of theirs.
    const { did } = await administration.getEnrollment(parseDid(body.did))
    await enrollments.unenroll(did, { by: auditedBy(viewer, METHOD) })
    return { success: true }
  }
