import { isCidForBytes } from '@atproto/lex-data'
import { parseCid } from 'stratos-core'
import { isJsonObject, readAtMost, readJsonObject } from './bounded-body.ts'
import { send, type StratosAccess } from './call.ts'
import { StratosClientError } from './errors.ts'
import { parseServiceUrl } from './routing.ts'

const MAX_ANSWER_BYTES = 1024 * 1024
const DEFAULT_MAX_BLOB_BYTES = 64 * 1024 * 1024
const MAX_SIGNED = 100

/** A reference to a blob, as it stands in the JSON of a record. */
export interface UploadedBlob {
  $type: 'blob'
  ref: { $link: string }
  mimeType: string
  /** In bytes. */
  size: number
}

/**
 * Uploads a blob. It is kept for a day, and from then on as long as a record refers to it; who may read such a record may
 * read the blob.
 *
 * @param mimeType by default that of the `Blob`, or else `application/octet-stream`
 * @throws {StratosServiceError} `PayloadTooLarge`, `QuotaExceeded`, `InvalidMimeType`, and as {@link callStratos}
 */
export async function uploadBlob(
  access: StratosAccess,
  blob: Blob | Uint8Array<ArrayBuffer>,
  mimeType = blob instanceof Blob && blob.type !== '' ? blob.type : 'application/octet-stream',
  signal?: AbortSignal,
): Promise<UploadedBlob> {
  const response = await send(access, 'com.atproto.repo.uploadBlob', {
    method: 'POST',
    headers: { 'content-type': mimeType },
    body: blob,
    signal,
  })
  const body = await readJsonObject(response, MAX_ANSWER_BYTES)
  const { ref, mimeType: kept, size } = isJsonObject(body?.['blob']) ? body['blob'] : {}
  const link = isJsonObject(ref) ? ref['$link'] : undefined
  if (typeof link !== 'string' || typeof kept !== 'string' || typeof size !== 'number') {
    throw unexpected('uploadBlob')
  }
  return { $type: 'blob', ref: { $link: link }, mimeType: kept, size }
}

/** The address of a blob. Loading it takes the user's proof; for an `<img>` see {@link signBlobUrls}. */
export function buildBlobUrl(serviceUrl: string, did: string, cid: string): string {
  const url = new URL('/xrpc/com.atproto.sync.getBlob', parseServiceUrl(serviceUrl))
  url.search = new URLSearchParams({ did, cid }).toString()
  return url.href
}

export interface FetchBlobOptions {
  /** Longest blob that is accepted, in bytes; 64 MiB by default. */
  maxBytes?: number
  signal?: AbortSignal
}

/**
 * Loads a blob as the user, and checks that it is what its CID names.
 *
 * @throws {StratosServiceError} `BlobNotFound`, which is also the answer for what the user may not see
 * @throws {StratosClientError} `VerificationFailed` if it is another blob, or longer than allowed
 */
export async function fetchBlob(
  access: StratosAccess,
  did: string,
  cid: string,
  { maxBytes = DEFAULT_MAX_BLOB_BYTES, signal }: FetchBlobOptions = {},
): Promise<Blob> {
  const response = await send(access, 'com.atproto.sync.getBlob', {
    params: { did, cid },
    method: 'GET',
    signal,
  })
  const bytes = response.body === null ? new Uint8Array() : await readAtMost(response.body, maxBytes)
  if (bytes === null || !(await isCidForBytes(parseCid(cid), bytes))) {
    throw new StratosClientError('VerificationFailed', `the service sent another blob than ${cid}`)
  }
  return new Blob([bytes], { type: response.headers.get('content-type') ?? '' })
}

/**
 * Makes short-lived addresses of blobs that a page can load by itself, as in `<img>`. Whoever has one can load the blob.
 *
 * @param cids any number
 * @returns addresses by CID; those of blobs that the user may not read are missing
 * @throws as {@link callStratos}
 */
export async function signBlobUrls(
  access: StratosAccess,
  did: string,
  cids: readonly string[],
  signal?: AbortSignal,
): Promise<Map<string, string>> {
  const urls = new Map<string, string>()
  for (let start = 0; start < cids.length; start += MAX_SIGNED) {
    const params = { did, cids: cids.slice(start, start + MAX_SIGNED) }
    const response = await send(access, 'zone.stratos.sync.signBlobs', { params, method: 'GET', signal })
    const body = await readJsonObject(response, MAX_ANSWER_BYTES)
    if (!Array.isArray(body?.['blobs'])) throw unexpected('signBlobs')
    for (const { cid, url } of body['blobs'].filter(isJsonObject)) {
      if (typeof cid === 'string' && typeof url === 'string') urls.set(cid, url)
    }
  }
  return urls
}

function unexpected(method: string): StratosClientError {
  return new StratosClientError('ServiceUnreachable', `the answer to ${method} is not what it should be`)
}
