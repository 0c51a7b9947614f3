import { StratosError, type Viewer } from 'stratos-core'
import type { com } from 'stratos-core/lexicons'
import type { DescribeRepo } from '../../../../operations/describe-repo.ts'
import type { Handler } from '../../../method-table.ts'
import type { HandleLookup } from '../../../own-repo.ts'
import { preparedJson } from '../../../prepared-body.ts'

export const describeRepo =
  (
    repos: Pick<DescribeRepo, 'describe'>,
    handles: HandleLookup,
  ): Handler<typeof com.atproto.repo.describeRepo.main, Viewer> =>
  async ({ viewer, params, asker }) => {
    const did = await handles.findDid(params.repo, asker)
    if (did === null) throw new StratosError('RepoNotFound', 'there is no such repo on this service')
    return preparedJson(Buffer.from(JSON.stringify(await repos.describe(viewer, did))))
  }
