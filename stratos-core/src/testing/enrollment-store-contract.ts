import { describe, expect, it } from 'vitest'
import type { Enrollment } from '../enrollment/enrollment.ts'
import { type Did, parseRkey } from '../ids.ts'
import type { EnrollmentStore } from '../storage/enrollment-store.ts'
import type { JobQueue } from '../storage/job-queue.ts'
import { boundary, newDid } from './samples.ts'

/**
 * What every implementation of `EnrollmentStore` must do. Call it inside `describe`.
 *
 * @param open `jobs` is the queue of those whose public record has to be written
 */
export function enrollmentStoreContract(
  open: () => { readonly store: EnrollmentStore; readonly jobs: JobQueue },
): void {
  const enrollmentOf = (did: Did, ...names: string[]): Omit<Enrollment, 'epoch' | 'active'> => ({
    did,
    enrolledAt: '2026-01-15T12:00:00.000Z',
    signingKey: 'did:key:zExample',
    boundaries: names.map(boundary),
    pdsEndpoint: 'https://pds.example.com',
    enrollmentRkey: parseRkey('did:web:stratos.example'),
  })

  describe('an enrollment', () => {
    it('is kept as it was given, with epoch 1', async () => {
      const given = enrollmentOf(newDid(), 'a', 'b')
      expect(await open().store.find(given.did)).toBeNull()
      const expected = { ...given, epoch: 1, active: true }
      expect(await open().store.enroll(given)).toEqual(expected)
      expect(await open().store.find(given.did)).toEqual(expected)
    })

    it('stays as it is when somebody enrolls again, also at the same time', async () => {
      const did = newDid()
      const found = await Promise.all(
        ['a', 'b', 'c'].map((name) => open().store.enroll(enrollmentOf(did, name))),
      )
      const kept = await open().store.find(did)
      expect(found).toEqual([kept, kept, kept])
      expect(kept).toMatchObject({ epoch: 1, boundaries: [expect.any(String)] })
    })

    it('gets other boundaries and the next epoch, with everything else unchanged', async () => {
      const given = enrollmentOf(newDid(), 'a')
      await open().store.enroll(given)
      const expected = { ...given, boundaries: [boundary('b'), boundary('c')], epoch: 2, active: true }
      expect(await open().store.setBoundaries(given.did, [boundary('b'), boundary('c')])).toEqual(expected)
      expect(await open().store.find(given.did)).toEqual(expected)
      await open().store.setBoundaries(given.did, [])
      expect(await open().store.find(given.did)).toMatchObject({ boundaries: [], epoch: 3 })
    })

    it('raises the epoch with each of several changes at the same time', async () => {
      const { did } = await open().store.enroll(enrollmentOf(newDid(), 'a'))
      await Promise.all(['b', 'c', 'd'].map((name) => open().store.setBoundaries(did, [boundary(name)])))
      expect(await open().store.find(did)).toMatchObject({ epoch: 4, boundaries: [expect.any(String)] })
    })

    it('cannot be changed where there is none', async () => {
      expect(await open().store.setBoundaries(newDid(), [boundary('a')])).toBeNull()
    })

    it('queues the writing of the public record, with every change', async () => {
      const { did } = await open().store.enroll(enrollmentOf(newDid(), 'a'))
      expect(await open().jobs.find(did)).toMatchObject({ version: 1 })
      await open().store.setBoundaries(did, [boundary('b')])
      expect(await open().jobs.find(did)).toMatchObject({ version: 2 })
    })
  })

  describe('enrollments', () => {
    it('are counted and listed in the order of their DIDs, page by page', async () => {
      const before = await open().store.count()
      const dids = Array.from({ length: 5 }, newDid)
      for (const did of dids) await open().store.enroll(enrollmentOf(did, 'a'))
      expect(await open().store.count()).toBe(before + 5)

      const listed: Enrollment[] = []
      for (let page; page === undefined || page.length === 2;) {
        page = await open().store.list(listed.at(-1)?.did ?? '', 2)
        listed.push(...page)
      }
      expect(listed).toHaveLength(before + 5)
      expect(listed.map(({ did }) => did)).toEqual(listed.map(({ did }) => did).toSorted())
      for (const did of dids) expect(listed).toContainEqual(await open().store.find(did))
    })
  })
}
