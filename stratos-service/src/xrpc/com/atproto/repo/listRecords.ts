import { parseNsid, type Viewer } from 'stratos-core'
import type { com } from 'stratos-core/lexicons'
import type { ReadRecords } from '../../../../operations/read-records.ts'
import type { Handler } from '../../../method-table.ts'
import type { HandleLookup } from '../../../own-repo.ts'
import { recordsAnswer } from '../../../record-answers.ts'

const DEFAULT_LIMIT = 50

export const listRecords =
  (
    records: Pick<ReadRecords, 'list'>,
    handles: HandleLookup,
  ): Handler<typeof com.atproto.repo.listRecords.main, Viewer> =>
  async ({ viewer, params, asker }) => {
    const collection = parseNsid(params.collection)
    const did = await handles.findDid(params.repo, asker)
    if (did === null) return recordsAnswer([], {})
    const page = await records.list(viewer, did, {
      collection,
      cursor: params.cursor,
      limit: params.limit ?? DEFAULT_LIMIT,
      ascending: params.reverse ?? false,
    })
    return recordsAnswer(page.records, { cursor: page.cursor ?? undefined })
  }
