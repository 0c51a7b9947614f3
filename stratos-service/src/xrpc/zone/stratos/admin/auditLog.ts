import { toDatetimeString } from '@atproto/syntax'
import type { LexMap } from '@atproto/lex-data'
import type { OperatorViewer } from 'stratos-core'
import type { zone } from 'stratos-core/lexicons'
import type { Administration } from '../../../../operations/administration.ts'
import { formatCursor, parseCursor } from '../../../cursor.ts'
import type { Handler } from '../../../method-table.ts'

export const auditLog =
  (
    administration: Pick<Administration, 'listAudit'>,
  ): Handler<typeof zone.stratos.admin.auditLog.main, OperatorViewer> =>
  async ({ params: { cursor, limit, subject } }) => {
    const before = cursor === undefined ? undefined : parseCursor(cursor, parseNumber)
    const page = await administration.listAudit({ subject, before, limit })
    const last = page.at(-1)
    return {
      entries: page.map(({ atMs, subject: about, ...entry }) => ({
        id: entry.id,
        at: toDatetimeString(new Date(atMs)),
        actor: entry.actor,
        action: entry.action,
        subject: about ?? undefined,
        before: entry.before as LexMap | undefined,
        after: entry.after as LexMap | undefined,
      })),
      cursor: last === undefined || page.length < limit ? undefined : formatCursor(String(last.id)),
    }
  }

function parseNumber(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new TypeError('not the number of an entry')
  return Number(text)
}
