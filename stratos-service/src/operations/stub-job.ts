import { isDatetimeString } from '@atproto/syntax'
import { formatCid, type JobWish, type RecordKey } from 'stratos-core'
import type { WrittenRecord } from './record-entry.ts'
import type { StubTiming } from './stub-timing.ts'

/** What is to become of the public stub of one record. It carries nothing of the record but its CID and its date. */
export type StubJob =
  { readonly action: 'put'; readonly cid: string; readonly createdAt: string } | { readonly action: 'delete' }

/** @param written what the record says now; null for a record that is gone */
export function stubWish(
  { collection, rkey }: RecordKey,
  written: Pick<WrittenRecord, 'record' | 'block'> | null,
  nowMs: number,
  timing: StubTiming,
): JobWish {
  const job: StubJob =
    written === null
      ? { action: 'delete' }
      : {
          action: 'put',
          cid: formatCid(written.block.cid),
          createdAt: timing.dateOf(createdAtOf(written, nowMs)),
        }
  return { key: `${collection}/${rkey}`, payload: JSON.stringify(job) }
}

function createdAtOf({ record }: Pick<WrittenRecord, 'record'>, nowMs: number): string {
  const { createdAt } = record
  const dated = typeof createdAt === 'string' && isDatetimeString(createdAt)
  return dated ? createdAt : new Date(nowMs).toISOString()
}

export function parseStubJob(payload: string): StubJob {
  return JSON.parse(payload) as StubJob
}
