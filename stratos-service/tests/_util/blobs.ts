import { randomBytes } from 'node:crypto'
import type { Answer, ProofClient } from 'test-network'

/** Bytes that begin like a PNG and that nobody else has. */
export function drawPng(size = 1_000): Buffer {
  const bytes = randomBytes(size)
  bytes.write('\x89PNG\r\n\x1a\n', 'latin1')
  return bytes
}

export function upload(client: ProofClient, bytes: Buffer, type = 'image/png'): Promise<Answer> {
  return client.call('POST', 'com.atproto.repo.uploadBlob', {
    body: bytes,
    headers: { 'content-type': type },
  })
}

/** An embed that shows the blobs of uploads. */
export function images(...uploads: readonly Answer[]): object {
  return {
    embed: {
      $type: 'app.bsky.embed.images',
      images: uploads.map(({ body }) => ({ alt: 'a picture', image: body.blob })),
    },
  }
}

export const cidOf = (uploaded: Answer): string => uploaded.body.blob.ref.$link
