import type { Did } from '../ids.ts'

/** A list of accounts as it was last good. */
export interface KnownAccounts {
  readonly dids: ReadonlySet<Did>
  /** Of the answer it came in; null if that had none. */
  readonly etag: string | null
  /** When its source last confirmed it. */
  readonly checkedAtMs: number
}

/** Where the last good list of accounts lies from one start to the next, for one instance or for all. */
export interface AllowListStore {
  load(): Promise<KnownAccounts | null>
  save(list: KnownAccounts): Promise<void>
  /** Whether the caller is the one to ask the source for the next `forMs`. */
  claim(forMs: number): Promise<boolean>
}
