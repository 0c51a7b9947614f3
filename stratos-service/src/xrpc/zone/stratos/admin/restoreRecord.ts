import { formatAtUri, parseAtUri, type OperatorViewer } from 'stratos-core'
import { zone } from 'stratos-core/lexicons'
import type { Takedowns } from '../../../../operations/takedowns.ts'
import type { Handler } from '../../../method-table.ts'
import { auditedBy } from './audited-by.ts'

const METHOD = zone.stratos.admin.restoreRecord.main

export const restoreRecord =
  (takedowns: Pick<Takedowns, 'restore'>): Handler<typeof METHOD, OperatorViewer> =>
  async ({ viewer, input: { body } }) => {
    const address = parseAtUri(body.uri)
    await takedowns.restore(address, body.reason, auditedBy(viewer, METHOD))
    return { uri: formatAtUri(address) }
  }
