import type { Boundary } from '../boundary/boundary.ts'
import type { Enrollment } from '../enrollment/enrollment.ts'
import type { Did } from '../ids.ts'
import type { AuditedAction } from './audit-log.ts'
import type { Job } from './job-queue.ts'

/** What stays of an account that has left, so that a return continues where consumers stopped reading. */
export interface Tombstone {
  readonly did: Did
  /** ISO 8601 in UTC. */
  readonly unenrolledAt: string
  /** Last number of the events of their repo. */
  readonly lastSeq: number
  /** Of the membership when it ended. */
  readonly epoch: number
}

/**
 * Who is enrolled and behind which boundaries. Each change is one transaction: rows, epoch, an event in the enrollment
 * feed and the job that rewrites the public record.
 */
export interface EnrollmentStore {
  find(did: Did): Promise<Enrollment | null>
  /**
   * Ordered by DID.
   *
   * @param after exclusive; empty text starts
   * @param boundary only those who hold it
   */
  list(after: string, limit: number, boundary?: string): Promise<Enrollment[]>
  count(): Promise<number>
  /**
   * Creates the enrollment, uses up an approval and finishes the life-cycle job; an existing one is left as it is. The
   * epoch is 1, or follows that of a tombstone, which goes.
   *
   * @returns the enrollment as stored
   */
  enroll(enrollment: Omit<Enrollment, 'epoch' | 'active'>): Promise<Enrollment>
  /**
   * Changes the boundaries, raises the epoch, and notes down who did it. Where they stay the same, only that is noted.
   *
   * @param change is given what the actor holds while everybody else has to wait; what it throws undoes everything
   * @returns null if the DID is not enrolled
   */
  changeBoundaries(
    did: Did,
    change: (held: readonly Boundary[]) => readonly Boundary[],
    by: AuditedAction,
  ): Promise<Enrollment | null>
  /** Queues the writing of the public record, without any other change. Does nothing when the DID is not enrolled. */
  republish(did: Did): Promise<void>
  /**
   * Ends an enrollment, in one transaction: its rows, boundaries, session keys and waiting publication go, the event is
   * appended, and a life-cycle job is queued that does away with everything else.
   *
   * @param payloadOf of that job, given what is returned
   * @param by the operator whose doing it is, to be noted down; null if it is the account's own
   * @returns the enrollment as it was, with the epoch of its end; null if the DID is not enrolled
   */
  unenroll(
    did: Did,
    payloadOf: (enrollment: Enrollment) => string,
    by: AuditedAction | null,
  ): Promise<Enrollment | null>
  findTombstone(did: Did): Promise<Tombstone | null>
  /** Finishes the life-cycle job of an account that has left, unless it has changed; nothing but the tombstone stays. */
  bury(tombstone: Tombstone, job: Job): Promise<void>
}
