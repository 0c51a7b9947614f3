import { parseDid, type OperatorViewer } from 'stratos-core'
import { zone } from 'stratos-core/lexicons'
import type { Administration } from '../../../../operations/administration.ts'
import type { Handler } from '../../../method-table.ts'
import { auditedBy } from './audited-by.ts'

const METHOD = zone.stratos.admin.addBoundary.main

export const addBoundary =
  (administration: Pick<Administration, 'addBoundary'>): Handler<typeof METHOD, OperatorViewer> =>
  async ({ viewer, input: { body } }) => {
    const by = auditedBy(viewer, METHOD)
    const { did, boundaries } = await administration.addBoundary(parseDid(body.did), body.boundary, by)
    return { did, boundaries: [...boundaries] }
  }
