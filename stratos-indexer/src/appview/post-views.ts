import type { JsonValue } from '@atproto/lex-json'
import { lexToJson } from '@atproto/lex-json'
import { decodeRecord } from 'stratos-core'
import type { KeptPost } from './kept-posts.ts'

/** `zone.stratos.feed.defs#postView`. */
export interface PostView {
  readonly uri: string
  readonly cid: string
  readonly author: { readonly did: string; readonly handle: string }
  readonly record: JsonValue
  readonly service: string
  readonly indexedAt: string
}

/** What a handle is called that does not hold; see https://atproto.com/specs/handle. */
export const INVALID_HANDLE = 'handle.invalid'

/** Made from the stored bytes, so that encoding the record again yields its CID. */
export function buildPostView(post: KeptPost): PostView {
  const { uri, cid, creator, handle, record, service, indexedAt } = post
  return {
    uri,
    cid,
    author: { did: creator, handle: handle ?? INVALID_HANDLE },
    record: lexToJson(decodeRecord(record)),
    service,
    indexedAt,
  }
}
