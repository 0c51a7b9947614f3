import { parseNsid, parseRkey, type Viewer } from 'stratos-core'
import type { com } from 'stratos-core/lexicons'
import type { ReadRecords } from '../../../../operations/read-records.ts'
import { recordNotFound } from '../../../../operations/record-not-found.ts'
import type { Handler } from '../../../method-table.ts'
import type { HandleLookup } from '../../../own-repo.ts'
import { recordAnswer } from '../../../record-answers.ts'

export const getRecord =
  (
    records: Pick<ReadRecords, 'get'>,
    handles: HandleLookup,
  ): Handler<typeof com.atproto.repo.getRecord.main, Viewer> =>
  async ({ viewer, params, asker }) => {
    const did = await handles.findDid(params.repo, asker)
    if (did === null) throw recordNotFound()
    const address = { did, collection: parseNsid(params.collection), rkey: parseRkey(params.rkey) }
    return recordAnswer(await records.get(viewer, address, params.cid))
  }
