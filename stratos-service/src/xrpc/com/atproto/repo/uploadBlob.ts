import type { UploadBlobs } from '../../../../operations/upload-blobs.ts'
import type { EnrolledViewer } from '../../../../auth/guards.ts'
import { setRateLimitHeaders } from '../../../rate-limit-headers.ts'
import type { UploadBody } from '../../../upload-body.ts'

export const uploadBlob =
  (blobs: Pick<UploadBlobs, 'upload'>) =>
  async (call: {
    viewer: EnrolledViewer
    body: UploadBody
    setHeader: (name: string, value: string) => void
  }) => {
    const { cid, mimeType, size, allowance } = await blobs.upload(call.viewer, call.body)
    setRateLimitHeaders(allowance, call.setHeader)
    return { blob: { $type: 'blob' as const, ref: cid, mimeType, size } }
  }
