import { parseNsid, parseRkey } from 'stratos-core'
import type { com } from 'stratos-core/lexicons'
import type { EnrolledViewer } from '../../../../auth/guards.ts'
import type { WriteRecords } from '../../../../operations/write-records.ts'
import type { Handler } from '../../../method-table.ts'
import { findOwnRepo, type HandleLookup } from '../../../own-repo.ts'
import { setRateLimitHeaders } from '../../../rate-limit-headers.ts'

export const putRecord =
  (
    records: Pick<WriteRecords, 'write'>,
    handles: HandleLookup,
  ): Handler<typeof com.atproto.repo.putRecord.main, EnrolledViewer> =>
  async ({ viewer, input: { body }, setHeader }) => {
    const repo = await findOwnRepo(body.repo, viewer, handles)
    const { validate, swapCommit, swapRecord: swap, record } = body
    const key = { collection: parseNsid(body.collection), rkey: parseRkey(body.rkey) }
    const write = { action: 'put', ...key, record, swap } as const
    const { commit, results, allowance } = await records.write(viewer, repo, [write], {
      validate,
      swapCommit,
    })
    setRateLimitHeaders(allowance, setHeader)
    const [result] = results
    if (result?.uri === undefined || result.cid === undefined) throw new Error('a put record has no address')
    return { uri: result.uri, cid: result.cid, commit, validationStatus: result.validationStatus }
  }
