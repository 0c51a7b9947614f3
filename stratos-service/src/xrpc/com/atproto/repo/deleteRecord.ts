import { parseNsid, parseRkey } from 'stratos-core'
import type { com } from 'stratos-core/lexicons'
import type { EnrolledViewer } from '../../../../auth/guards.ts'
import type { WriteRecords } from '../../../../operations/write-records.ts'
import type { Handler } from '../../../method-table.ts'
import { findOwnRepo, type HandleLookup } from '../../../own-repo.ts'
import { setRateLimitHeaders } from '../../../rate-limit-headers.ts'

export const deleteRecord =
  (
    records: Pick<WriteRecords, 'write'>,
    handles: HandleLookup,
  ): Handler<typeof com.atproto.repo.deleteRecord.main, EnrolledViewer> =>
  async ({ viewer, input: { body }, setHeader }) => {
    const repo = await findOwnRepo(body.repo, viewer, handles)
    const { swapRecord: swap, swapCommit } = body
    const key = { collection: parseNsid(body.collection), rkey: parseRkey(body.rkey) }
    const { commit, allowance } = await records.write(viewer, repo, [{ action: 'delete', ...key, swap }], {
      swapCommit,
    })
    setRateLimitHeaders(allowance, setHeader)
    return { commit }
  }
