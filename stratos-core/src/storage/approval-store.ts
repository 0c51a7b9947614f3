import type { Boundary } from '../boundary/boundary.ts'
import type { Did } from '../ids.ts'
import type { AuditedAction } from './audit-log.ts'

/** An operator's word that an account may enroll. */
export interface Approval {
  /** What the account will hold; null for what every new account gets. */
  readonly boundaries: readonly Boundary[] | null
}

/** Accounts that may enroll whatever the mode of the service, until they do. */
export interface ApprovalStore {
  find(did: Did): Promise<Approval | null>
  /**
   * Approves an account, or replaces an earlier approval, and notes down who did it.
   *
   * @returns `enrolled` if there is nothing to approve any more; nothing is changed then
   */
  approve(did: Did, approval: Approval, by: AuditedAction): Promise<'approved' | 'enrolled'>
}
