import type { Agent } from '@atproto/api'
import { createStratosAgent, type StratosSession } from 'stratos-client'
import type { Config } from './config.ts'
import { parsePost, type Post } from './feed.ts'
import type { DraftImage } from './images.ts'
import { findLinks } from './rich-text.ts'

export const POST_COLLECTION = 'zone.stratos.feed.post'
const PAGE_SIZE = 20

declare const stratos: unique symbol
/**
 * An agent that talks to the Stratos service, and to nothing else.
 *
 * The mark keeps an agent for a PDS from being passed where private records are written; only {@link openStratosAgent}
 * sets it.
 */
export type StratosAgent = Agent & { readonly [stratos]: true }

export function openStratosAgent(config: Config, serviceDid: string, session: StratosSession): StratosAgent {
  const agent: Agent = createStratosAgent(session, config.serviceUrl, { serviceDid })
  return agent as StratosAgent
}

/** A record and the version of it that is meant. */
export interface RecordRef {
  uri: string
  cid: string
}

/** What a post answers. */
export interface Reply {
  /** where the thread begins */
  root: RecordRef
  parent: RecordRef
}

export interface DraftPost {
  text: string
  images?: readonly DraftImage[]
  /** fully qualified, at least one */
  boundaries: readonly string[]
  /** what it answers; the service lets an answer go no further than that */
  reply?: Reply | undefined
}

/**
 * Writes a private post, after its images. This is the only function of the app that creates a record.
 *
 * @throws {XRPCError} and then nothing was published: there is no second way to send a post
 */
export async function createPost(
  agent: StratosAgent,
  { text, images = [], boundaries, reply }: DraftPost,
): Promise<Post> {
  if (boundaries.length === 0) throw new RangeError('a private post needs a boundary')
  const uploaded = await Promise.all(
    images.map(async ({ file, alt }) => {
      const { data } = await agent.com.atproto.repo.uploadBlob(file, { encoding: file.type })
      return { image: data.blob, alt: alt.trim() }
    }),
  )
  const facets = findLinks(text)
  const record = {
    $type: POST_COLLECTION,
    text,
    ...(facets.length === 0 ? {} : { facets }),
    boundary: {
      $type: 'zone.stratos.boundary.defs#Domains',
      values: boundaries.map((value) => ({ $type: 'zone.stratos.boundary.defs#Domain', value })),
    },
    ...(reply === undefined ? {} : { reply }),
    ...(uploaded.length === 0 ? {} : { embed: { $type: 'app.bsky.embed.images', images: uploaded } }),
    createdAt: new Date().toISOString(),
  }
  const { data } = await agent.com.atproto.repo.createRecord({
    repo: agent.assertDid,
    collection: POST_COLLECTION,
    record,
  })
  return parsePost({ uri: data.uri, value: record })
}

export interface PostPage {
  posts: Post[]
  /** where the next page starts; undefined on the last one */
  cursor: string | undefined
}

/** Lists those of someone's posts that the user may see, newest first. */
export async function listPosts(agent: StratosAgent, did: string, cursor?: string): Promise<PostPage> {
  const { data } = await agent.com.atproto.repo.listRecords({
    repo: did,
    collection: POST_COLLECTION,
    limit: PAGE_SIZE,
    cursor,
  })
  return { posts: data.records.map(parsePost), cursor: data.cursor }
}

export async function deletePost(agent: StratosAgent, post: Post): Promise<void> {
  await agent.com.atproto.repo.deleteRecord({
    repo: agent.assertDid,
    collection: POST_COLLECTION,
    rkey: post.rkey,
  })
}

/** Finds the DID behind a handle; null if there is none. A DID stands for itself. */
export async function findDid(config: Config, handle: string): Promise<string | null> {
  if (handle.startsWith('did:')) return handle
  const query = new URLSearchParams({ handle })
  const url = new URL(`/xrpc/com.atproto.identity.resolveHandle?${query}`, config.handleResolver)
  const response = await fetch(url)
  if (response.status >= 400 && response.status < 500) return null
  if (!response.ok) throw new HandleResolverError(`resolving ${handle} failed with ${response.status}`)
  const body = (await response.json()) as { did?: unknown }
  return typeof body.did === 'string' && body.did.startsWith('did:') ? body.did : null
}

export class HandleResolverError extends Error {
  override name = 'HandleResolverError'
}
