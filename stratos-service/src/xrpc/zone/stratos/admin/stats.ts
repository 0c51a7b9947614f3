import type { OperatorViewer } from 'stratos-core'
import type { zone } from 'stratos-core/lexicons'
import type { PdsJobs } from '../../../../operations/pds-jobs.ts'
import type { Handler } from '../../../method-table.ts'

export const stats =
  (jobs: Pick<PdsJobs, 'count'>): Handler<typeof zone.stratos.admin.stats.main, OperatorViewer> =>
  async () => {
    const { enrollments, waiting, givenUp } = await jobs.count()
    return { enrollments, jobsWaiting: waiting, jobsGivenUp: givenUp }
  }
