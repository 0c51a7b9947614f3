import { describe, expect, it } from 'vitest'
import type { AuditLog } from '../storage/audit-log.ts'
import { newDid } from './samples.ts'

/** What every implementation of `AuditLog` must do. Call it inside `describe`. */
export function auditLogContract(open: () => AuditLog): void {
  const action = { actor: 'admin', action: 'zone.stratos.admin.setBoundaries' }

  describe('an entry', () => {
    it('keeps who did what to whom and when, before and after', async () => {
      const subject = newDid()
      const note = { ...action, subject, before: { boundaries: ['a'] }, after: { boundaries: [] } }
      await open().append(note)
      expect(await open().list({ subject, limit: 10 })).toEqual([
        { ...note, id: expect.any(Number), atMs: expect.any(Number) },
      ])
    })

    it('need not have a subject, a before or an after', async () => {
      const note = { ...action, actor: newDid(), subject: null }
      await open().append(note)
      const [entry] = await open().list({ limit: 1 })
      expect(entry).toEqual({ ...note, id: expect.any(Number), atMs: expect.any(Number) })
    })
  })

  describe('entries', () => {
    it('come newest first, page by page, of one subject or of all', async () => {
      const [one, two] = [newDid(), newDid()]
      for (const subject of [one, two, one, two, one]) await open().append({ ...action, subject })
      const ids: number[] = []
      for (let before: number | undefined; ;) {
        const page = await open().list({ subject: one, before, limit: 2 })
        ids.push(...page.map(({ id }) => id))
        before = page.at(-1)?.id
        if (page.length < 2) break
      }
      expect(ids).toHaveLength(3)
      expect(ids).toEqual(ids.toSorted((a, b) => b - a))
      const all = await open().list({ limit: 5 })
      expect(all.map(({ subject }) => subject)).toEqual([one, two, one, two, one])
    })
  })
}
