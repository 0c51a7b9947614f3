import { toDatetimeString } from '@atproto/syntax'
import type { zone } from 'stratos-core/lexicons'
import type { KeyHolder } from '../../../../auth/guards.ts'
import type { SessionKeys } from '../../../../auth/session-key.ts'
import type { Handler } from '../../../method-table.ts'

export const createSession =
  (
    sessions: Pick<SessionKeys, 'register'>,
  ): Handler<typeof zone.stratos.server.createSession.main, KeyHolder> =>
  async ({ viewer, input: { body } }) => {
    const { did, jkt, expiresAtMs } = await sessions.register(body.serviceAuth, viewer.jkt)
    return { did, jkt, expiresAt: toDatetimeString(expiresAtMs) }
  }
