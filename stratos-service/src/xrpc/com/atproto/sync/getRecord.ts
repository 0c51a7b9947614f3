import { parseDid, parseNsid, parseRkey, type Viewer } from 'stratos-core'
import type { com } from 'stratos-core/lexicons'
import type { ProveRecords } from '../../../../operations/prove-records.ts'
import type { Handler } from '../../../method-table.ts'
import { PreparedBody } from '../../../prepared-body.ts'

export const getRecordProof =
  (proofs: Pick<ProveRecords, 'prove'>): Handler<typeof com.atproto.sync.getRecord.main, Viewer> =>
  async ({ viewer, params }) => {
    const collection = parseNsid(params.collection)
    const address = { did: parseDid(params.did), collection, rkey: parseRkey(params.rkey) }
    return new PreparedBody('application/vnd.ipld.car', await proofs.prove(viewer, address))
  }
