import { parseCid, parseDid, parseTid, type Viewer } from 'stratos-core'
import type { com } from 'stratos-core/lexicons'
import type { ReadBlobs } from '../../../../operations/read-blobs.ts'
import type { Handler } from '../../../method-table.ts'

const MAX_LIMIT = 500

export const listBlobs =
  (blobs: Pick<ReadBlobs, 'list'>): Handler<typeof com.atproto.sync.listBlobs.main, Viewer> =>
  async ({ viewer, params }) => {
    const limit = Math.min(params.limit ?? MAX_LIMIT, MAX_LIMIT)
    const cids = await blobs.list(viewer, parseDid(params.did), {
      since: params.since === undefined ? undefined : parseTid(params.since),
      after: params.cursor === undefined ? '' : parseCid(params.cursor).toString(),
      limit,
    })
    return { cids, cursor: cids.length < limit ? undefined : cids.at(-1) }
  }
