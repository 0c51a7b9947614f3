import { formatAtUri, parseAtUri, type OperatorViewer } from 'stratos-core'
import { zone } from 'stratos-core/lexicons'
import type { Takedowns } from '../../../../operations/takedowns.ts'
import type { Handler } from '../../../method-table.ts'
import { auditedBy } from './audited-by.ts'

const METHOD = zone.stratos.admin.takedownRecord.main

export const takedownRecord =
  (takedowns: Pick<Takedowns, 'takeDown'>): Handler<typeof METHOD, OperatorViewer> =>
  async ({ viewer, input: { body } }) => {
    const address = parseAtUri(body.uri)
    await takedowns.takeDown(address, body.reason, auditedBy(viewer, METHOD))
    return { uri: formatAtUri(address) }
  }
