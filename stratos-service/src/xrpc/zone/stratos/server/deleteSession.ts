import { StratosError } from 'stratos-core'
import type { zone } from 'stratos-core/lexicons'
import type { SessionViewer } from '../../../../auth/guards.ts'
import type { SessionKeys } from '../../../../auth/session-key.ts'
import type { Handler } from '../../../method-table.ts'

export const deleteSession =
  (
    sessions: Pick<SessionKeys, 'delete'>,
  ): Handler<typeof zone.stratos.server.deleteSession.main, SessionViewer> =>
  async ({ viewer, params }) => {
    const jkt = params.jkt ?? viewer.jkt
    if (jkt === null) throw new StratosError('InvalidRequest', 'jkt says which session to end')
    await sessions.delete(viewer.did, jkt)
    return {}
  }
