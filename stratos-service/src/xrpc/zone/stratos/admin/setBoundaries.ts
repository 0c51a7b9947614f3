import { parseDid, type OperatorViewer } from 'stratos-core'
import { zone } from 'stratos-core/lexicons'
import type { Administration } from '../../../../operations/administration.ts'
import type { Handler } from '../../../method-table.ts'
import { auditedBy } from './audited-by.ts'

const METHOD = zone.stratos.admin.setBoundaries.main

export const setBoundaries =
  (administration: Pick<Administration, 'setBoundaries'>): Handler<typeof METHOD, OperatorViewer> =>
  async ({ viewer, input: { body } }) => {
    const by = auditedBy(viewer, METHOD)
    const { did, boundaries } = await administration.setBoundaries(parseDid(body.did), body.boundaries, by)
    return { did, boundaries: [...boundaries] }
  }
