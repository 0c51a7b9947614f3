import type { Network } from 'test-network'
import { mapConcurrently } from './map-concurrently.ts'

type Account = Network['accounts'][number]

/** A PDS answers every sign-in after the same time, most of which it waits, so that many at a time are not slower. */
export const CONCURRENT_SIGN_INS = 12

/**
 * Enrolls as many accounts as a workload needs, each through the pages of service and PDS as its owner would. All get
 * the boundary `general`. Those that an earlier run with the same directory has enrolled stay as they are.
 */
export async function enrollUsers(
  network: Network,
  count: number,
  say: (line: string) => void,
): Promise<Account[]> {
  say(`enrolling ${count} ${count === 1 ? 'user' : 'users'} …`)
  const more = Array.from({ length: Math.max(0, count - network.accounts.length) }, (_, index) => index + 1)
  const names = more.map((number) => `user${String(number).padStart(4, '0')}.test`)
  const strangers = await mapConcurrently(names, CONCURRENT_SIGN_INS, (name) => network.createAccount(name))
  const accounts = [...network.accounts, ...strangers].slice(0, count)
  await mapConcurrently(accounts, CONCURRENT_SIGN_INS, async (account) => {
    if (!account.enrolled) await network.enroll(account)
  })
  return accounts
}
