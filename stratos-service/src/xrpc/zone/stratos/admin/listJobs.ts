import { toDatetimeString } from '@atproto/syntax'
import { parseDid, StratosError, type OperatorViewer } from 'stratos-core'
import type { zone } from 'stratos-core/lexicons'
import type { JobState, PdsJobs } from '../../../../operations/pds-jobs.ts'
import type { Handler } from '../../../method-table.ts'

export const listJobs =
  (jobs: Pick<PdsJobs, 'list'>): Handler<typeof zone.stratos.admin.listJobs.main, OperatorViewer> =>
  async ({ params }) => {
    const filter = {
      state: params.state === undefined ? undefined : parseState(params.state),
      did: params.did === undefined ? undefined : parseDid(params.did),
    }
    const after = params.cursor === undefined ? undefined : parseDid(params.cursor)
    const page = await jobs.list(filter, params.limit, after)
    return {
      jobs: page.jobs.map(({ nextAttemptAtMs, lastError, ...job }) => ({
        ...job,
        nextAttemptAt: nextAttemptAtMs === null ? undefined : toDatetimeString(nextAttemptAtMs),
        lastError: lastError ?? undefined,
      })),
      cursor: page.cursor,
    }
  }

function parseState(text: string): JobState {
  if (text === 'waiting' || text === 'given-up') return text
  throw new StratosError('InvalidRequest', 'state must be waiting or given-up')
}
