import type { Boundary } from '../boundary/boundary.ts'
import type { Enrollment } from '../enrollment/enrollment.ts'
import type { Did } from '../ids.ts'

/**
 * Who is enrolled and behind which boundaries. Each change is one transaction: rows, epoch, an event in the enrollment
 * feed and the job that rewrites the public record.
 */
export interface EnrollmentStore {
  find(did: Did): Promise<Enrollment | null>
  /** Ordered by DID. @param after exclusive; empty text starts */
  list(after: string, limit: number): Promise<Enrollment[]>
  count(): Promise<number>
  /** Creates the enrollment with epoch 1; an active one is left as it is. @returns the enrollment as stored */
  enroll(enrollment: Omit<Enrollment, 'epoch' | 'active'>): Promise<Enrollment>
  /** Replaces the boundaries and raises the epoch. @returns null if the DID is not enrolled */
  setBoundaries(did: Did, boundaries: readonly Boundary[]): Promise<Enrollment | null>
}
