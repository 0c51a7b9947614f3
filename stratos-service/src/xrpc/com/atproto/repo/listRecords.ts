import { parseNsid, parseRkey, type Viewer } from 'stratos-core'
import type { com } from 'stratos-core/lexicons'
import type { ReadRecords } from '../../../../operations/read-records.ts'
import type { Handler } from '../../../method-table.ts'
import type { HandleLookup } from '../../../own-repo.ts'

const DEFAULT_LIMIT = 50

export const listRecords =
  (
    records: Pick<ReadRecords, 'list'>,
    handles: HandleLookup,
  ): Handler<typeof com.atproto.repo.listRecords.main, Viewer> =>
  async ({ viewer, params }) => {
    const did = await handles.findDid(params.repo)
    if (did === null) return { records: [] }
    const limit = params.limit ?? DEFAULT_LIMIT
    const page = await records.list(viewer, did, {
      collection: parseNsid(params.collection),
      after: params.cursor === undefined ? undefined : parseRkey(params.cursor),
      limit,
      ascending: params.reverse ?? false,
    })
    // A short page is the last one; of what the viewer may not see, neither page nor cursor tells.
    const last = page.length < limit ? undefined : page.at(-1)
    return { records: [...page], cursor: last?.uri.split('/').at(-1) }
  }
