import { randomInt } from 'node:crypto'
import type { Actors, Nsid, RecordPolicy, WriteRateLimiter } from 'stratos-core'
import type { Config } from '../config/config.ts'
import type { KeyedLock } from '../limits/keyed-lock.ts'
import { MemoryWriteRateLimiter } from '../limits/write-rate-limiter.ts'
import type { BlobKeeper } from '../operations/blob-keeper.ts'
import type { Members } from '../operations/members.ts'
import { PrepareWrites } from '../operations/prepare-writes.ts'
import { AT_ONCE, inBatches } from '../operations/stub-timing.ts'
import type { VisibleReferences } from '../operations/visible-references.ts'
import { WriteBudget } from '../operations/write-budget.ts'
import { WriteRecords, type StubBacklog, type StubSettings } from '../operations/write-records.ts'

/** Builds the one way in which records change. */
export function composeWrites(
  { writeRate, maxWriteFailures }: Pick<Config, 'writeRate' | 'maxWriteFailures'>,
  parts: {
    readonly actors: Actors
    readonly references: VisibleReferences
    readonly lock: KeyedLock
    readonly members: Members
    /** On what everybody may write. */
    readonly rate: WriteRateLimiter
    readonly blobs: Pick<BlobKeeper, 'mark' | 'wake'>
    readonly policy: RecordPolicy
    readonly stubs: StubSettings | null
    readonly nowMs: () => number
  },
): WriteRecords {
  const { actors, references, lock, members, rate, policy, stubs, blobs, nowMs } = parts
  return new WriteRecords({
    actors,
    prepare: new PrepareWrites({ references, policy, nowMs, clockId: randomInt(1024) }),
    budget: new WriteBudget({
      writes: rate,
      // Each instance counts for itself: this bounds what refusals cost, and is no promise to anybody.
      failures: new MemoryWriteRateLimiter({ ...writeRate, maxWrites: maxWriteFailures }, nowMs),
    }),
    lock,
    members,
    stubs,
    blobs,
    nowMs,
  })
}

/** @returns null if no public stubs are kept */
export function stubSettingsOf(
  { mode, batchMs }: Config['stubs'],
  backlog: StubBacklog,
  collections: ReadonlySet<Nsid>,
): StubSettings | null {
  if (mode === 'off') return null
  return { backlog, collections, timing: mode === 'minimal' ? inBatches(batchMs) : AT_ONCE }
}
