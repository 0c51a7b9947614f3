import { parseCid, parseDid, type Viewer } from 'stratos-core'
import type { ReadBlobs } from '../../../../operations/read-blobs.ts'
import type { BlobAnswer } from '../../../send-blob.ts'

export const getBlob =
  (blobs: Pick<ReadBlobs, 'open'>) =>
  async (call: { viewer: Viewer; params: { did: string; cid: string } }): Promise<BlobAnswer> =>
    blobs.open(call.viewer, parseDid(call.params.did), parseCid(call.params.cid).toString())
