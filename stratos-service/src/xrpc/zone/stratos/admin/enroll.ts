import { parseDid, type OperatorViewer } from 'stratos-core'
import { zone } from 'stratos-core/lexicons'
import type { Administration } from '../../../../operations/administration.ts'
import type { Handler } from '../../../method-table.ts'
import { auditedBy } from './audited-by.ts'

const METHOD = zone.stratos.admin.enroll.main

export const enroll =
  (administration: Pick<Administration, 'approve'>): Handler<typeof METHOD, OperatorViewer> =>
  async ({ viewer, input: { body } }) => {
    const by = auditedBy(viewer, METHOD)
    const boundaries = await administration.approve(parseDid(body.did), body.boundaries, by)
    return { did: body.did, boundaries: boundaries === null ? undefined : [...boundaries] }
  }
