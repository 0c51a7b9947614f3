import type { Db } from '../tables/database.ts'
import { MAX_ANSWER_BYTES, weigh } from './kept-posts.ts'
import { findPost, listReplies, type ThreadPost } from './post-queries.ts'
import { buildPostView, type PostView } from './post-views.ts'
import type { Viewer } from './viewer.ts'

const MAX_REPLIES = 500

/** `zone.stratos.feed.defs#threadViewPost`. */
export interface ThreadView {
  readonly $type: 'zone.stratos.feed.defs#threadViewPost'
  readonly post: PostView
  parent?: ThreadView | { readonly $type: string; readonly uri: string; readonly notFound: true }
  readonly replies: ThreadView[]
}

/**
 * Puts a post together with those around it that the viewer may see. What the viewer may not see ends a branch as if it were
 * not there.
 *
 * @param depth levels of answers; with a limit of 500 answers and 2 MiB in all
 * @param parentHeight levels of answered posts
 */
export async function buildThread(
  db: Db,
  viewer: Viewer,
  post: ThreadPost,
  { depth, parentHeight }: { readonly depth: number; readonly parentHeight: number },
): Promise<ThreadView> {
  const thread = viewOf(post)
  await addReplies(db, viewer, thread, depth)
  await addParents(db, viewer, thread, post, parentHeight)
  return thread
}

async function addReplies(db: Db, viewer: Viewer, thread: ThreadView, depth: number): Promise<void> {
  // Posts can be edited, so that they answer each other: each comes once.
  const placed = new Map([[thread.post.uri, thread]])
  let level = [thread.post.uri]
  let bytesLeft = MAX_ANSWER_BYTES
  for (let down = 0; down < depth && level.length > 0 && placed.size <= MAX_REPLIES; down++) {
    const limit = { posts: MAX_REPLIES + 1 - placed.size, bytes: bytesLeft }
    const replies = await listReplies(db, viewer, level, limit)
    bytesLeft -= weigh(replies)
    level = []
    for (const reply of replies) {
      if (placed.has(reply.uri)) continue
      const view = viewOf(reply)
      placed.set(reply.uri, view)
      placed.get(reply.replyParent ?? '')?.replies.push(view)
      level.push(reply.uri)
    }
  }
}

async function addParents(
  db: Db,
  viewer: Viewer,
  thread: ThreadView,
  post: ThreadPost,
  parentHeight: number,
): Promise<void> {
  const seen = new Set([post.uri])
  let { replyParent: uri } = post
  let view = thread
  let bytesLeft = MAX_ANSWER_BYTES
  for (let up = 0; up < parentHeight && bytesLeft > 0 && uri !== null && !seen.has(uri); up++) {
    seen.add(uri)
    const parent = await findPost(db, viewer, uri)
    if (parent === null) {
      view.parent = { $type: 'zone.stratos.feed.defs#notFoundPost', uri, notFound: true }
      return
    }
    bytesLeft -= weigh([parent])
    const parentView = viewOf(parent)
    view.parent = parentView
    view = parentView
    uri = parent.replyParent
  }
}

function viewOf(post: ThreadPost): ThreadView {
  return { $type: 'zone.stratos.feed.defs#threadViewPost', post: buildPostView(post), replies: [] }
}
