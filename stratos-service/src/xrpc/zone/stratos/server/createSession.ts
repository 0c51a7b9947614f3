import { toDatetimeString } from '@atproto/syntax'
import type { zone } from 'stratos-core/lexicons'
import type { KeyHolder } from '../../../../auth/guards.ts'
import type { Handler } from '../../../method-table.ts'

export const createSession: Handler<typeof zone.stratos.server.createSession.main, KeyHolder> = async ({
  viewer,
  input: { body },
}) => {
  const { did, jkt, expiresAtMs } = await viewer.register(body.serviceAuth)
  return { did, jkt, expiresAt: toDatetimeString(expiresAtMs) }
}
