import { l } from '@atproto/lex'
import { com, zone } from 'stratos-core/lexicons'
import type { EnrolledViewer } from '../../../../auth/guards.ts'
import type { WriteRecords } from '../../../../operations/write-records.ts'
import type { RecordResult, Write } from '../../../../operations/writes.ts'
import type { Handler } from '../../../method-table.ts'
import { findOwnRepo, type HandleLookup } from '../../../own-repo.ts'
import { setRateLimitHeaders } from '../../../rate-limit-headers.ts'
import { parseWrite } from './parse-write.ts'

const { applyWrites: alias } = zone.stratos.repo

/** com.atproto.repo.applyWrites, taking changes in both spellings, as its alias does. */
export const APPLY_WRITES = l.procedure(
  com.atproto.repo.applyWrites.$nsid,
  alias.$params,
  alias.$input,
  alias.$output,
  alias.main.errors,
)

export const applyWrites =
  (
    records: Pick<WriteRecords, 'write'>,
    handles: HandleLookup,
  ): Handler<typeof APPLY_WRITES, EnrolledViewer> =>
  async ({ viewer, input: { body }, setHeader }) => {
    const repo = await findOwnRepo(body.repo, viewer, handles)
    const writes = body.writes.map(parseWrite)
    const { validate, swapCommit } = body
    const { commit, results, allowance } = await records.write(viewer, repo, writes, { validate, swapCommit })
    setRateLimitHeaders(allowance, setHeader)
    return { commit, results: results.map((result, index) => toResult(writes[index], result)) }
  }

function toResult(write: Write | undefined, { uri, cid, validationStatus }: RecordResult) {
  if (uri === undefined || cid === undefined)
    return { $type: 'com.atproto.repo.applyWrites#deleteResult' } as const
  const $type =
    write?.action === 'create'
      ? 'com.atproto.repo.applyWrites#createResult'
      : 'com.atproto.repo.applyWrites#updateResult'
  return { $type, uri, cid, validationStatus } as const
}
