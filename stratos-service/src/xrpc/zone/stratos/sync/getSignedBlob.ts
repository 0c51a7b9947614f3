import type { Viewer } from 'stratos-core'
import type { BlobUrls } from '../../../../operations/blob-urls.ts'
import type { BlobAnswer } from '../../../send-blob.ts'

export const getSignedBlob =
  (urls: Pick<BlobUrls, 'open'>) =>
  async (call: { params: { token: string }; charge: (viewer: Viewer) => void }): Promise<BlobAnswer> =>
    urls.open(call.params.token, call.charge)
