import { parseCid } from 'stratos-core'
import type { com } from 'stratos-core/lexicons'
import type { EnrolledViewer } from '../../../../auth/guards.ts'
import type { ReadBlobs } from '../../../../operations/read-blobs.ts'
import type { Handler } from '../../../method-table.ts'

const DEFAULT_LIMIT = 500

export const listMissingBlobs =
  (
    blobs: Pick<ReadBlobs, 'listMissing'>,
  ): Handler<typeof com.atproto.repo.listMissingBlobs.main, EnrolledViewer> =>
  async ({ viewer, params }) => {
    const limit = params.limit ?? DEFAULT_LIMIT
    const after = params.cursor === undefined ? '' : parseCid(params.cursor).toString()
    const page = await blobs.listMissing(viewer, after, limit)
    return { blobs: page, cursor: page.length < limit ? undefined : page.at(-1)?.cid }
  }
