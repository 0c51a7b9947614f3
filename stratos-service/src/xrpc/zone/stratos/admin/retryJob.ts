import { parseDid, StratosError, type OperatorViewer } from 'stratos-core'
import { zone } from 'stratos-core/lexicons'
import type { PdsJob, PdsJobs } from '../../../../operations/pds-jobs.ts'
import type { Handler } from '../../../method-table.ts'
import { auditedBy } from './audited-by.ts'

const METHOD = zone.stratos.admin.retryJob.main

export const retryJob =
  (jobs: Pick<PdsJobs, 'retry'>): Handler<typeof METHOD, OperatorViewer> =>
  async ({ viewer, input: { body } }) => {
    const job = { queue: parseQueue(body.queue), did: parseDid(body.did), key: body.key }
    await jobs.retry(job, auditedBy(viewer, METHOD))
    return { success: true }
  }

function parseQueue(text: string): PdsJob['queue'] {
  if (text === 'stub' || text === 'enrollment-record') return text
  throw new StratosError('NotFound', 'there is no such queue')
}
