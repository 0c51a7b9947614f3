import type { Nsid, Rkey } from 'stratos-core'
import { isDatetimeString } from '@atproto/syntax'
import type { PreparedWrite } from './prepare-writes.ts'

/** What is to become of the public stub of one record. It carries nothing of the record but its CID and its date. */
export type StubJob =
  { readonly action: 'put'; readonly cid: string; readonly createdAt: string } | { readonly action: 'delete' }

export function stubJobKey({ collection, rkey }: { collection: Nsid; rkey: Rkey }): string {
  return `${collection}/${rkey}`
}

export function stubJobPayload(write: PreparedWrite, nowMs: number): string {
  if (write.action === 'delete') return JSON.stringify({ action: 'delete' } satisfies StubJob)
  const { createdAt } = write.record
  const dated = typeof createdAt === 'string' && isDatetimeString(createdAt)
  const job: StubJob = {
    action: 'put',
    cid: write.block.cid.toString(),
    createdAt: dated ? createdAt : new Date(nowMs).toISOString(),
  }
  return JSON.stringify(job)
}

export function parseStubJob(payload: string): StubJob {
  return JSON.parse(payload) as StubJob
}
