import { parseCid, parseDid, type OperatorViewer } from 'stratos-core'
import { zone } from 'stratos-core/lexicons'
import type { BlobTakedowns } from '../../../../operations/blob-takedowns.ts'
import type { Handler } from '../../../method-table.ts'
import { auditedBy } from './audited-by.ts'

const METHOD = zone.stratos.admin.restoreBlob.main

export const restoreBlob =
  (takedowns: Pick<BlobTakedowns, 'setQuarantined'>): Handler<typeof METHOD, OperatorViewer> =>
  async ({ viewer, input: { body } }) => {
    const by = auditedBy(viewer, METHOD)
    const [did, cid] = [parseDid(body.did), parseCid(body.cid).toString()]
    await takedowns.setQuarantined(did, cid, { quarantined: false, reason: body.reason, by })
    return { did, cid }
  }
