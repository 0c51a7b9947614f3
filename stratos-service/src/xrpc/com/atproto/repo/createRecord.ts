import { parseNsid, parseRkey } from 'stratos-core'
import type { com } from 'stratos-core/lexicons'
import type { EnrolledViewer } from '../../../../auth/guards.ts'
import type { WriteRecords } from '../../../../operations/write-records.ts'
import type { Handler } from '../../../method-table.ts'
import { findOwnRepo, type HandleLookup } from '../../../own-repo.ts'
import { setRateLimitHeaders } from '../../../rate-limit-headers.ts'

export const createRecord =
  (
    records: Pick<WriteRecords, 'write'>,
    handles: HandleLookup,
  ): Handler<typeof com.atproto.repo.createRecord.main, EnrolledViewer> =>
  async ({ viewer, input: { body }, setHeader }) => {
    const repo = await findOwnRepo(body.repo, viewer, handles)
    const { validate, swapCommit, record } = body
    const rkey = body.rkey === undefined ? undefined : parseRkey(body.rkey)
    const write = { action: 'create', collection: parseNsid(body.collection), rkey, record } as const
    const { commit, results, allowance } = await records.write(viewer, repo, [write], {
      validate,
      swapCommit,
    })
    setRateLimitHeaders(allowance, setHeader)
    const [result] = results
    if (result?.uri === undefined || result.cid === undefined)
      throw new Error('a created record has no address')
    return { uri: result.uri, cid: result.cid, commit, validationStatus: result.validationStatus }
  }
