import { callStratos, createAppviewFetchHandler, type Appview, type FetchHandler } from 'stratos-client'
import { parsePost, type Post } from './feed.ts'
import type { RecordRef, Reply } from './stratos.ts'

/** What the app asks an AppView. */
export const TIMELINE_METHODS = ['zone.stratos.feed.getTimeline', 'zone.stratos.feed.getPostThread'] as const

const PAGE_SIZE = 20

/** A post with its author, as an AppView tells of it. */
export interface AuthoredPost extends Post {
  author: { did: string; name: string }
  /** what an answer to it says that it answers */
  reply: Reply
}

export interface TimelinePage {
  posts: AuthoredPost[]
  /** where the next page starts; undefined on the last one */
  cursor: string | undefined
}

/** A post between what it answers and what answers it. */
export interface Thread {
  post: AuthoredPost
  /** from the first one on; null is one that the user may not see or that is gone */
  ancestors: (AuthoredPost | null)[]
  /** oldest first, each with how far it is from the post: 1 answers the post itself */
  replies: { post: AuthoredPost; depth: number }[]
}

/** Reads what others share with the user, across all authors. */
export interface Timeline {
  /** @param boundary null for all of the user's */
  list(boundary: string | null, cursor?: string): Promise<TimelinePage>
  thread(uri: string): Promise<Thread>
}

export function openTimeline(
  appview: Appview,
  session: Parameters<typeof createAppviewFetchHandler>[0],
): Timeline {
  const call: FetchHandler = createAppviewFetchHandler(session, appview)
  return {
    async list(boundary, cursor) {
      const params = { limit: PAGE_SIZE, cursor, boundary: boundary ?? undefined }
      const { feed, cursor: next } = await callStratos(call, 'zone.stratos.feed.getTimeline', { params })
      return { posts: feed.map(({ post }) => parseAuthored(post)), cursor: next }
    },
    async thread(uri) {
      const params = { uri: uri as `at://${string}/${string}`, depth: 6, parentHeight: 50 }
      const { thread } = await callStratos(call, 'zone.stratos.feed.getPostThread', { params })
      return parseThread(thread)
    },
  }
}

/** What an AppView says of a post, of which only the record was written by its author. */
interface PostView {
  uri: string
  cid: string
  author: { did: string; handle: string }
  record: unknown
}

function parseAuthored({ uri, cid, author, record }: PostView): AuthoredPost {
  const parent = { uri, cid }
  const root = parseRef((record as { reply?: { root?: unknown } } | null)?.reply?.root)
  const isKnown = author.handle !== 'handle.invalid'
  const name = isKnown ? `@${author.handle}` : author.did
  const reply = { root: root ?? parent, parent }
  const post = parsePost({ uri, value: record })
  return { ...post, author: { did: author.did, name }, reply }
}

function parseRef(value: unknown): RecordRef | null {
  const { uri, cid } = (value ?? {}) as { uri?: unknown; cid?: unknown }
  return typeof uri === 'string' && typeof cid === 'string' ? { uri, cid } : null
}

interface ThreadView {
  post?: PostView
  parent?: unknown
  replies?: unknown[]
}

/** @throws {TypeError} if it is no thread */
export function parseThread(thread: unknown): Thread {
  const { post, parent, replies = [] } = thread as ThreadView
  if (post === undefined) throw new TypeError('there is no post in the thread')
  const ancestors: Thread['ancestors'] = []
  for (let above = parent as ThreadView | undefined; above !== undefined;) {
    ancestors.unshift(above.post === undefined ? null : parseAuthored(above.post))
    above = above.parent as ThreadView | undefined
  }
  return { post: parseAuthored(post), ancestors, replies: flatten(replies, 1) }
}

function flatten(replies: unknown[], depth: number): Thread['replies'] {
  return replies.flatMap((view) => {
    const { post, replies: below = [] } = view as ThreadView
    return post === undefined ? [] : [{ post: parseAuthored(post), depth }, ...flatten(below, depth + 1)]
  })
}

/** Puts the newest page, read again, on top of what is shown: what has gone from it goes, and later pages stay. */
export function mergeNewest(shown: TimelinePage, newest: TimelinePage): TimelinePage {
  const keep = keeper(shown.posts)
  const posts = newest.posts.map(keep)
  const at = shown.posts.findIndex(({ uri }) => uri === posts.at(-1)?.uri)
  if (newest.cursor === undefined || at < 0) return { ...newest, posts }
  const known = new Set(posts.map(({ uri }) => uri))
  const rest = shown.posts.slice(at + 1).filter(({ uri }) => !known.has(uri))
  return { posts: [...posts, ...rest], cursor: rest.length === 0 ? newest.cursor : shown.cursor }
}

/** A thread, read again. */
export function mergeThread(shown: Thread | null, newest: Thread): Thread {
  if (shown === null) return newest
  const above = shown.ancestors.filter((post) => post !== null)
  const keep = keeper([shown.post, ...above, ...shown.replies.map(({ post }) => post)])
  return {
    post: keep(newest.post),
    ancestors: newest.ancestors.map((post) => (post === null ? null : keep(post))),
    replies: newest.replies.map(({ post, depth }) => ({ post: keep(post), depth })),
  }
}

/** Yields the very object that is shown for a post that has not changed, so that its pictures are not fetched again. */
function keeper(shown: readonly AuthoredPost[]): (post: AuthoredPost) => AuthoredPost {
  const keyOf = ({ reply: { parent }, author }: AuthoredPost) => `${parent.uri} ${parent.cid} ${author.name}`
  const known = new Map(shown.map((post) => [keyOf(post), post]))
  return (post) => known.get(keyOf(post)) ?? post
}
