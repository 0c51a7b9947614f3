import type { IdResolver } from '@atproto/identity'
import { parseCommitAuthenticated } from '@atproto/sync'
import { ENROLLMENT_COLLECTION } from 'stratos-core'
import type { Config } from '../config.ts'
import type { Logger } from '../logger.ts'
import { Backoff } from '../stream/backoff.ts'
import { FrameError, parseFrame, type Frame } from '../stream/parse-message.ts'
import { readFrames } from '../stream/read-frames.ts'
import { findCursor, moveCursor, resetCursor, type StreamKey } from '../tables/cursors.ts'
import type { Database } from '../tables/database.ts'
import { iso } from '../tables/write-rows.ts'
import type { Announcements } from './announcements.ts'

const STREAM = 'com.atproto.sync.subscribeRepos'

export interface FirehoseParts {
  /** PDS or relay. */
  readonly url: string
  readonly config: Pick<Config, 'maxQueued' | 'reconnect'>
  readonly database: Database
  readonly resolver: IdResolver
  readonly announcements: Announcements
  readonly logger: Logger
  readonly signal: AbortSignal
}

/**
 * Follows the public repos of a PDS or relay for what accounts say there about their enrollments. Commits are verified with the
 * key of their account; those in other collections are passed over unread. One event after the other: the order of each repo
 * is kept, and a slow database makes the PDS wait.
 */
export class Firehose {
  readonly #parts: FirehoseParts
  readonly #key: StreamKey
  #isConnected = false

  constructor(parts: FirehoseParts) {
    this.#parts = parts
    this.#key = { stream: STREAM, service: parts.url, did: '' }
  }

  get isConnected(): boolean {
    return this.#isConnected
  }

  /** Resolves when the signal aborts. */
  async run(): Promise<void> {
    const { config, logger, signal, url } = this.#parts
    const backoff = new Backoff(config.reconnect, signal)
    while (!signal.aborted) {
      try {
        await this.#follow(() => backoff.reset())
      } catch (err) {
        if (signal.aborted) return
        logger.warn({ err, provider: url }, 'the firehose ended')
      }
      this.#isConnected = false
      await backoff.wait()
    }
  }

  async #follow(progress: () => void): Promise<void> {
    const { url, config, database, signal } = this.#parts
    let cursor = await findCursor(database.db, this.#key)
    const query = cursor === null ? '' : `?cursor=${cursor}`
    const onOpen = () => (this.#isConnected = true)
    const address = `${url.replace(/^http/, 'ws')}/xrpc/${STREAM}${query}`
    for await (const frames of readFrames(address, { signal, maxQueued: config.maxQueued, onOpen })) {
      let seq = cursor
      for (const frame of frames) seq = (await this.#handle(parseFrame(frame))) ?? seq
      if (seq === null || seq === cursor) continue
      const [from, to] = [cursor, seq]
      const now = iso(Date.now())
      await database.db.transaction().execute((tx) => moveCursor(tx, this.#key, from, to, now))
      cursor = seq
      progress()
    }
  }

  /** @returns the number of the event, if it has one */
  async #handle({ type, body }: Frame): Promise<number | null> {
    if (type === null) {
      if (body['error'] === 'FutureCursor') await resetCursor(this.#parts.database.db, this.#key)
      throw new FrameError(`the firehose ended: ${String(body['error'])}`)
    }
    const { announcements } = this.#parts
    if (type === '#commit') await this.#commit(body)
    if (type === '#identity') await announcements.identityChanged(String(body['did']))
    return Number.isSafeInteger(body['seq']) ? Number(body['seq']) : null
  }

  async #commit(body: Frame['body']): Promise<void> {
    const { resolver, announcements, logger } = this.#parts
    if (!isCommit(body)) throw new FrameError('a commit is incomplete')
    if (!body.ops.some(({ path }) => path.startsWith(`${ENROLLMENT_COLLECTION}/`))) return
    let events: Awaited<ReturnType<typeof parseCommitAuthenticated>>
    try {
      const isEnrollment = (collection: string) => collection === ENROLLMENT_COLLECTION
      events = await parseCommitAuthenticated(resolver, body, isEnrollment)
    } catch (err) {
      // Whoever cannot prove what they say has said nothing.
      logger.warn({ err, did: body.repo }, 'a commit on the firehose could not be verified')
      return
    }
    for (const event of events) {
      if (event.event === 'delete') continue
      await announcements.enrollmentFound(event.did, event.rkey, event.record)
    }
  }
}

type Commit = Parameters<typeof parseCommitAuthenticated>[1]

function isCommit(body: object): body is Commit {
  const { repo, seq, rev, blocks, ops } = body as { readonly [Name in keyof Commit]?: unknown }
  const isWhole = typeof repo === 'string' && typeof seq === 'number' && typeof rev === 'string'
  return isWhole && blocks instanceof Uint8Array && Array.isArray(ops) && ops.every(isOp)
}

function isOp(op: unknown): boolean {
  return (
    typeof op === 'object' && op !== null && 'path' in op && typeof op.path === 'string' && 'action' in op
  )
}
