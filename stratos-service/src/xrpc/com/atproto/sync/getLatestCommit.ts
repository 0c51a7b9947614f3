import { parseDid, type Viewer } from 'stratos-core'
import type { com } from 'stratos-core/lexicons'
import type { RepoHeads } from '../../../../operations/repo-heads.ts'
import type { Handler } from '../../../method-table.ts'

export const getLatestCommit =
  (heads: Pick<RepoHeads, 'get'>): Handler<typeof com.atproto.sync.getLatestCommit.main, Viewer> =>
  async ({ params }) => {
    const { cid, rev } = await heads.get(parseDid(params.did))
    return { cid: cid.toString(), rev }
  }
