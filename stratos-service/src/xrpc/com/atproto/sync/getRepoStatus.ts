import { parseDid, type Viewer } from 'stratos-core'
import type { com } from 'stratos-core/lexicons'
import type { RepoHeads } from '../../../../operations/repo-heads.ts'
import type { Handler } from '../../../method-table.ts'

export const getRepoStatus =
  (heads: Pick<RepoHeads, 'get'>): Handler<typeof com.atproto.sync.getRepoStatus.main, Viewer> =>
  async ({ params }) => {
    const did = parseDid(params.did)
    const { rev } = await heads.get(did)
    return { did, active: true, rev }
  }
