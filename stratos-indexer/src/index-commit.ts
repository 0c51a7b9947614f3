import { buildRecordRow, UnusableRecordError, type RecordRow } from './record-rows.ts'
import type { CommitMessage, EnrollmentMessage } from './stream/parse-message.ts'

/** What a batch of events makes of the tables. Only the last word on each record and account is in it. */
export interface RowChanges {
  /** Accounts whose rows go first: they have left, perhaps to come back. */
  readonly purged: ReadonlySet<string>
  /** By URI; null deletes. */
  readonly records: ReadonlyMap<string, RecordRow | null>
  readonly enrollments: ReadonlyMap<string, EnrollmentChange>
  readonly unusable: readonly UnusableChange[]
}

export interface EnrollmentChange {
  readonly boundaries: readonly string[]
  readonly atMs: number
}

export interface UnusableChange {
  readonly did: string
  readonly seq: number
  readonly path: string
  readonly reason: string
}

/** What is known before a batch. */
export interface Known {
  /** Revisions of repos that were read whole: older commits are in there already. */
  readonly revs: ReadonlyMap<string, string>
}

/** Turns events into changes of rows, in their order. Pure. */
export function indexEvents(
  events: readonly (CommitMessage | EnrollmentMessage)[],
  { revs }: Known,
): RowChanges {
  const purged = new Set<string>()
  const records = new Map<string, RecordRow | null>()
  const enrollments = new Map<string, EnrollmentChange>()
  const unusable: UnusableChange[] = []
  for (const event of events) {
    if (event.kind === 'enrollment') {
      const { did, atMs, boundaries } = event
      if (event.action === 'enroll') {
        enrollments.set(did, { boundaries, atMs })
        continue
      }
      purged.add(did)
      enrollments.delete(did)
      for (const uri of records.keys()) if (uri.startsWith(`at://${did}/`)) records.delete(uri)
      continue
    }
    const rev = purged.has(event.did) ? undefined : revs.get(event.did)
    // The commit that was read is told again: what was done to its records without a commit comes with it.
    if (rev !== undefined && event.rev < rev) continue
    for (const op of event.ops) {
      const path = `${op.collection}/${op.rkey}`
      const uri = `at://${event.did}/${path}`
      // The last word goes last, also where the order of rows matters.
      records.delete(uri)
      try {
        const row =
          op.record === null || op.cid === null
            ? null
            : buildRecordRow({ ...op, did: event.did }, op.record, op.cid, event.atMs)
        records.set(uri, row)
      } catch (err) {
        if (!(err instanceof UnusableRecordError)) throw err
        // What it said before does not hold any more either.
        records.set(uri, null)
        unusable.push({ did: event.did, seq: event.seq, path, reason: err.message })
      }
    }
  }
  return { purged, records, enrollments, unusable }
}
