import { backOffMs } from '../limits/back-off.ts'
import { PdsSessionEndedError } from './pds-accounts.ts'

/** Signing in again makes everything due at once, so there is no hurry without it. */
const WITHOUT_SESSION_MS = 60 * 60_000

/** How long to wait with work for a PDS after it failed. @param failures including this one */
export function retryDelayMs(err: unknown, failures: number): number {
  return err instanceof PdsSessionEndedError ? WITHOUT_SESSION_MS : backOffMs(failures)
}
