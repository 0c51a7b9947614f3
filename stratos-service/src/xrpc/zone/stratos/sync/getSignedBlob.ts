import type { BlobUrls } from '../../../../operations/blob-urls.ts'
import type { BlobAnswer } from '../../../send-blob.ts'

export const getSignedBlob =
  (urls: Pick<BlobUrls, 'open'>) =>
  async ({ params }: { params: { token: string } }): Promise<BlobAnswer> =>
    urls.open(params.token)
