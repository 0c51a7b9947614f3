import { toDatetimeString } from '@atproto/syntax'
import type { zone } from 'stratos-core/lexicons'
import type { SessionViewer } from '../../../../auth/guards.ts'
import type { SessionKeys } from '../../../../auth/session-key.ts'
import type { Handler } from '../../../method-table.ts'

export const listSessions =
  (
    sessions: Pick<SessionKeys, 'list'>,
  ): Handler<typeof zone.stratos.server.listSessions.main, SessionViewer> =>
  async ({ viewer }) => {
    const keys = await sessions.list(viewer.did)
    return {
      sessions: keys.map(({ jkt, createdAtMs, expiresAtMs }) => ({
        jkt,
        createdAt: toDatetimeString(createdAtMs),
        expiresAt: toDatetimeString(expiresAtMs),
        current: jkt === viewer.jkt,
      })),
    }
  }
