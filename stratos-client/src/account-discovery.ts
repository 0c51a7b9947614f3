import { discoverEnrollments, type PdsAccess } from './discovery.ts'
import type { StratosEnrollment } from './enrollment.ts'

/** Enrollments of whoever uses the app at present; see {@link createAccountDiscovery}. */
export interface AccountDiscovery {
  /**
   * Finds the enrollments of the account, or returns what was found before. Looking for one account gives up on any other:
   * its promise rejects with an `AbortError`.
   *
   * @throws as {@link discoverEnrollments}
   */
  discover(did: string, pds: PdsAccess): Promise<StratosEnrollment[]>
  /** Gives up what is under way and forgets what was found; for signing out, and after enrolling. */
  reset(): void
}

/**
 * Ties discovery to the account it is for, so that an answer that comes late is never taken for that of the next account.
 *
 * Keeps the enrollments of one account at a time.
 */
export function createAccountDiscovery(): AccountDiscovery {
  let current: { did: string; abort: AbortController; found: Promise<StratosEnrollment[]> } | null = null

  const reset = () => {
    current?.abort.abort()
    current = null
  }
  return {
    reset,
    discover(did, pds) {
      if (current?.did === did) return current.found
      reset()
      const abort = new AbortController()
      const found = discoverEnrollments(did, pds, { signal: abort.signal }).then((enrollments) => {
        // A handler may not know signals.
        abort.signal.throwIfAborted()
        return enrollments
      })
      const mine = { did, abort, found }
      current = mine
      found.catch(() => {
        if (current === mine) current = null
      })
      return found
    },
  }
}
