import { parseDid, type OperatorViewer } from 'stratos-core'
import type { zone } from 'stratos-core/lexicons'
import type { Enrollments } from '../../../../operations/enrollments.ts'
import type { Handler } from '../../../method-table.ts'

export const setBoundaries =
  (
    enrollments: Pick<Enrollments, 'setBoundaries'>,
  ): Handler<typeof zone.stratos.admin.setBoundaries.main, OperatorViewer> =>
  async ({ input: { body } }) => {
    const { did, boundaries } = await enrollments.setBoundaries(parseDid(body.did), body.boundaries)
    return { did, boundaries: [...boundaries] }
  }
