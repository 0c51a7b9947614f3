import { toDatetimeString } from '@atproto/syntax'
import { parseCid, parseDid } from 'stratos-core'
import { zone } from 'stratos-core/lexicons'
import type { EnrolledViewer } from '../../../../auth/guards.ts'
import type { BlobUrls } from '../../../../operations/blob-urls.ts'
import type { Handler } from '../../../method-table.ts'

const REDEEMED_BY = zone.stratos.sync.getSignedBlob.main.nsid

export const signBlobs =
  (
    urls: Pick<BlobUrls, 'sign'>,
    publicUrl: string,
  ): Handler<typeof zone.stratos.sync.signBlobs.main, EnrolledViewer> =>
  async ({ viewer, params }) => {
    const cids = params.cids.map((cid) => parseCid(cid).toString())
    const { tokens, expiresAtMs } = await urls.sign(viewer, parseDid(params.did), cids)
    return {
      blobs: tokens.map(({ cid, token }) => ({
        cid,
        url: `${publicUrl}/xrpc/${REDEEMED_BY}?token=${token}`,
      })),
      expiresAt: toDatetimeString(expiresAtMs),
    }
  }
