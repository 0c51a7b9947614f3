import { describe, expect, it } from 'vitest'
import type { Boundary } from '../boundary/boundary.ts'
import type { Enrollment } from '../enrollment/enrollment.ts'
import { type Did, parseRkey } from '../ids.ts'
import type { ApprovalStore } from '../storage/approval-store.ts'
import type { AuditLog } from '../storage/audit-log.ts'
import type { EnrollmentStore } from '../storage/enrollment-store.ts'
import type { JobQueue } from '../storage/job-queue.ts'
import { boundary, newDid } from './samples.ts'

/**
 * What every implementation of `EnrollmentStore` must do. Call it inside `describe`.
 *
 * @param open `jobs` is the queue of those whose public record has to be written, `lifeCycles` that of those who come or go
 */
export function enrollmentStoreContract(
  open: () => {
    readonly store: EnrollmentStore
    readonly jobs: JobQueue
    readonly approvals: ApprovalStore
    readonly audit: AuditLog
    readonly lifeCycles: JobQueue
  },
): void {
  const enrollmentOf = (did: Did, ...names: string[]): Omit<Enrollment, 'epoch' | 'active'> => ({
    did,
    enrolledAt: '2026-01-15T12:00:00.000Z',
    signingKey: 'did:key:zExample',
    boundaries: names.map(boundary),
    pdsEndpoint: 'https://pds.example.com',
    enrollmentRkey: parseRkey('did:web:stratos.example'),
  })

  const BY = { actor: 'admin', action: 'zone.stratos.admin.setBoundaries' }
  const setBoundaries = (did: Did, ...names: string[]) =>
    open().store.changeBoundaries(did, () => names.map(boundary), BY)

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
      expect(await setBoundaries(given.did, 'c', 'b')).toEqual(expected)
      expect(await open().store.find(given.did)).toEqual(expected)
      await setBoundaries(given.did)
      expect(await open().store.find(given.did)).toMatchObject({ boundaries: [], epoch: 3 })
    })

    it('raises the epoch with each of several changes at the same time', async () => {
      const { did } = await open().store.enroll(enrollmentOf(newDid(), 'a'))
      await Promise.all(['b', 'c', 'd'].map((name) => setBoundaries(did, name)))
      expect(await open().store.find(did)).toMatchObject({ epoch: 4, boundaries: [expect.any(String)] })
    })

    it('cannot be changed where there is none', async () => {
      expect(await setBoundaries(newDid(), 'a')).toBeNull()
    })

    it('loses no change of several at the same time that each build on what is held', async () => {
      const { did } = await open().store.enroll(enrollmentOf(newDid(), 'a'))
      const adding = (name: string) => (held: readonly Boundary[]) => [...held, boundary(name)]
      await Promise.all(['b', 'c', 'd'].map((name) => open().store.changeBoundaries(did, adding(name), BY)))
      expect(await open().store.find(did)).toMatchObject({ boundaries: ['a', 'b', 'c', 'd'].map(boundary) })
    })

    it('stays as it is when nothing is changed, or the change fails', async () => {
      const enrolled = await open().store.enroll(enrollmentOf(newDid(), 'a', 'b'))
      const { did } = enrolled
      expect(await setBoundaries(did, 'b', 'a')).toEqual(enrolled)
      const failing = () => {
        throw new Error('no')
      }
      await expect(open().store.changeBoundaries(did, failing, BY)).rejects.toThrow('no')
      expect(await open().store.find(did)).toEqual(enrolled)
      expect(await open().jobs.find(did)).toMatchObject({ version: 1 })
      expect(await open().audit.list({ subject: did, limit: 10 })).toHaveLength(1)
    })

    it('is changed together with a note of who did it, before and after', async () => {
      const { did } = await open().store.enroll(enrollmentOf(newDid(), 'a'))
      await setBoundaries(did, 'b')
      expect(await open().audit.list({ subject: did, limit: 10 })).toMatchObject([
        { ...BY, before: { boundaries: [boundary('a')] }, after: { boundaries: [boundary('b')] } },
      ])
    })

    it('queues the writing of the public record, with every change', async () => {
      const { did } = await open().store.enroll(enrollmentOf(newDid(), 'a'))
      expect(await open().jobs.find(did)).toMatchObject({ version: 1 })
      await setBoundaries(did, 'b')
      expect(await open().jobs.find(did)).toMatchObject({ version: 2 })
    })
  })

  describe('the end of an enrollment', () => {
    it('takes it away and leaves a life cycle to be finished in its place', async () => {
      const { store, jobs, lifeCycles, audit } = open()
      const given = enrollmentOf(newDid(), 'a')
      await store.enroll(given)
      const ended = await store.unenroll(given.did, ({ epoch, pdsEndpoint }) => `${epoch} ${pdsEndpoint}`, BY)
      expect(ended).toEqual({ ...given, epoch: 2, active: true })
      expect(await store.find(given.did)).toBeNull()
      expect(await jobs.find(given.did)).toBeNull()
      expect(await lifeCycles.find(given.did)).toMatchObject({ payload: '2 https://pds.example.com' })
      expect(await store.unenroll(given.did, () => '', null)).toBeNull()
      expect(await setBoundaries(given.did, 'b')).toBeNull()
      expect(await audit.list({ subject: given.did, limit: 10 })).toMatchObject([
        { ...BY, before: { boundaries: [boundary('a')] } },
      ])
    })

    it('happens once, however many ask for it at the same time', async () => {
      const { did } = await open().store.enroll(enrollmentOf(newDid(), 'a'))
      const ended = await Promise.all([1, 2, 3].map(() => open().store.unenroll(did, () => '', null)))
      expect(ended.filter((enrollment) => enrollment !== null)).toHaveLength(1)
    })

    it('leaves a tombstone, after which the epoch counts on', async () => {
      const { store, lifeCycles } = open()
      const { did, ...given } = enrollmentOf(newDid(), 'a')
      await store.enroll({ did, ...given })
      await store.unenroll(did, () => '', null)
      const job = await lifeCycles.find(did)
      if (job === null) throw new Error('there is no job')
      const tombstone = { did, unenrolledAt: '2026-02-01T00:00:00.000Z', lastSeq: 7, epoch: 2 }
      await store.bury(tombstone, { ...job, version: job.version + 1 })
      expect(await store.findTombstone(did)).toBeNull()
      await store.bury(tombstone, job)
      expect(await store.findTombstone(did)).toEqual(tombstone)
      expect(await lifeCycles.find(did)).toBeNull()

      await lifeCycles.put([{ key: did, payload: 'enroll' }], 0)
      expect(await store.enroll({ did, ...given })).toMatchObject({ epoch: 3 })
      expect(await store.findTombstone(did)).toBeNull()
      expect(await lifeCycles.find(did)).toBeNull()
    })
  })

  describe('the public record', () => {
    it('can be asked for again, for those who are enrolled', async () => {
      const { store, jobs } = open()
      const { did } = await store.enroll(enrollmentOf(newDid(), 'a'))
      await store.republish(did)
      expect(await jobs.find(did)).toMatchObject({ version: 2 })
      expect(await store.find(did)).toMatchObject({ epoch: 1 })
      const stranger = newDid()
      await store.republish(stranger)
      expect(await jobs.find(stranger)).toBeNull()
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

    it('are listed by boundary', async () => {
      const dids = [newDid(), newDid(), newDid()].toSorted()
      for (const did of dids) await open().store.enroll(enrollmentOf(did, 'x', 'z'))
      await setBoundaries(dids[1] ?? newDid(), 'x')
      const holders = await open().store.list('', 10, boundary('z'))
      expect(holders.map(({ did }) => did)).toEqual([dids[0], dids[2]])
      expect(await open().store.list(dids[0] ?? '', 10, boundary('z'))).toEqual([holders[1]])
    })
  })

  describe('an approval', () => {
    const approve = { actor: 'admin', action: 'zone.stratos.admin.enroll' }

    it('can be replaced, is noted down, and ends with the enrollment', async () => {
      const did = newDid()
      expect(await open().approvals.find(did)).toBeNull()
      expect(await open().approvals.approve(did, { boundaries: null }, approve)).toBe('approved')
      expect(await open().approvals.find(did)).toEqual({ boundaries: null })
      const approval = { boundaries: [boundary('a')] }
      expect(await open().approvals.approve(did, approval, approve)).toBe('approved')
      expect(await open().approvals.find(did)).toEqual(approval)
      expect(await open().audit.list({ subject: did, limit: 10 })).toMatchObject([
        { ...approve, before: { boundaries: null }, after: approval },
        { ...approve, after: { boundaries: null } },
      ])
      await open().store.enroll(enrollmentOf(did, 'a'))
      expect(await open().approvals.find(did)).toBeNull()
    })

    it('is not for those who are enrolled', async () => {
      const { did } = await open().store.enroll(enrollmentOf(newDid(), 'a'))
      expect(await open().approvals.approve(did, { boundaries: null }, approve)).toBe('enrolled')
      expect(await open().approvals.find(did)).toBeNull()
      expect(await open().audit.list({ subject: did, limit: 10 })).toEqual([])
    })
  })
}
