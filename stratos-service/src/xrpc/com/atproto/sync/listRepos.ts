import type { ServiceViewer } from 'stratos-core'
import type { com } from 'stratos-core/lexicons'
import type { RepoHeads } from '../../../../operations/repo-heads.ts'
import type { Handler } from '../../../method-table.ts'

const DEFAULT_LIMIT = 500

export const listRepos =
  (heads: Pick<RepoHeads, 'list'>): Handler<typeof com.atproto.sync.listRepos.main, ServiceViewer> =>
  async ({ viewer, params }) => {
    const { repos, cursor } = await heads.list(viewer, params.cursor, params.limit ?? DEFAULT_LIMIT)
    const listed = repos.map(({ did, head }) => ({
      ...{ did, head: head.cid.toString(), rev: head.rev, active: true },
    }))
    return { repos: listed, cursor: cursor ?? undefined }
  }
