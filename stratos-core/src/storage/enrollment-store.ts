import type { Boundary } from '../boundary/boundary.ts'
import type { Enrollment } from '../enrollment/enrollment.ts'
import type { Did } from '../ids.ts'
import type { AuditedAction } from './audit-log.ts'

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
   * Creates the enrollment with epoch 1 and uses up an approval; an active one is left as it is.
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
}
