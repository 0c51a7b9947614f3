import type { zone } from 'stratos-core/lexicons'
import type { SessionViewer } from '../../../../auth/guards.ts'
import type { SessionKeys } from '../../../../auth/session-key.ts'
import type { Handler } from '../../../method-table.ts'

export const deleteSession =
  (
    sessions: Pick<SessionKeys, 'delete'>,
  ): Handler<typeof zone.stratos.server.deleteSession.main, SessionViewer> =>
  async ({ viewer }) => {
    await sessions.delete(viewer.jkt)
    return {}
  }
