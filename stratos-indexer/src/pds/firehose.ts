import type { IdResolver } from '@atproto/identity'
import { parseCommitAuthenticated } from '@atproto/sync'
import { isValidDid } from '@atproto/syntax'
import { ENROLLMENT_COLLECTION } from 'stratos-core'
import type { Config } from '../config.ts'
import type { Logger } from '../logger.ts'
import { eachOf } from '../each-of.ts'
import { Backoff } from '../stream/backoff.ts'
import { FrameError, parseFrame, type Frame } from '../stream/parse-message.ts'
import { readFrames } from '../stream/read-frames.ts'
import { findCursor, moveCursor, resetCursor, type StreamKey } from '../tables/cursors.ts'
import type { Database } from '../tables/database.ts'
import { iso } from '../tables/write-rows.ts'
import type { Announcements } from './announcements.ts'

const STREAM = 'com.atproto.sync.subscribeRepos'
/** As PDSes cut commits. */
const MAX_OPS = 200

export interface FirehoseParts {
  /** PDS or relay. */
  readonly url: string
  readonly config: Pick<Config, 'atOnce' | 'maxQueued' | 'reconnect'>
  readonly database: Database
  readonly resolver: IdResolver
  readonly announcements: Announcements
  /** Told when there may be records that the firehose will not tell of. */
  readonly onGap: () => Promise<void>
  readonly logger: Logger
  readonly signal: AbortSignal
}

/**
 * Follows the public repos of a PDS or relay for what accounts say there about their enrollments. Commits are verified with the
 * key of their account; those in other collections are passed over unread. The order of each repo is kept, and a slow database
 * makes the PDS wait.
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
    const { url, config, database, signal, onGap } = this.#parts
    let cursor = await findCursor(database.db, this.#key)
    const query = cursor === null ? '' : `?cursor=${cursor}`
    // It begins with what happens from now on. What is to be made up for is noted down before the first event.
    if (cursor === null) await onGap()
    const onOpen = () => (this.#isConnected = true)
    const address = `${url.replace(/^http/, 'ws')}/xrpc/${STREAM}${query}`
    for await (const frames of readFrames(address, { signal, maxQueued: config.maxQueued, onOpen })) {
      const seq = await this.#handle(frames.map((frame) => parseFrame(frame)))
      if (seq === null || seq === cursor) continue
      const [from, to] = [cursor, seq]
      const now = iso(Date.now())
      await database.db.transaction().execute((tx) => moveCursor(tx, this.#key, from, to, now))
      cursor = seq
      progress()
    }
  }

  /** @returns the number of the last event, if one has a number */
  async #handle(frames: readonly Frame[]): Promise<number | null> {
    const { announcements, config, onGap } = this.#parts
    const byRepo = new Map<string, (() => Promise<void>)[]>()
    const enqueue = (did: string, task: () => Promise<void>) =>
      byRepo.set(did, [...(byRepo.get(did) ?? []), task])
    let seq: number | null = null
    for (const { type, body } of frames) {
      if (type === null) await this.#ended(String(body['error']))
      if (type === '#info' && body['name'] === 'OutdatedCursor') await onGap()
      if (type === '#commit' && hasEnrollment(body)) enqueue(body.repo, () => this.#commit(body))
      const did = body['did']
      if (type === '#identity' && typeof did === 'string' && isValidDid(did))
        enqueue(did, () => announcements.identityChanged(did))
      if (Number.isSafeInteger(body['seq'])) seq = Number(body['seq'])
    }
    // One repo after the other would let each account with a slow DID document hold up all the others.
    await eachOf([...byRepo.values()], config.atOnce, async (tasks) => {
      for (const task of tasks) await task()
    })
    return seq
  }

  async #ended(name: string): Promise<never> {
    if (name === 'FutureCursor') await resetCursor(this.#parts.database.db, this.#key)
    throw new FrameError(`the firehose ended: ${name}`)
  }

  async #commit(commit: Commit): Promise<void> {
    const { resolver, announcements, logger } = this.#parts
    const events = await readCommit(resolver, commit).catch((err: unknown) => {
      // Whoever cannot prove what they say has said nothing.
      logger.warn({ err, did: commit.repo }, 'a commit on the firehose could not be verified')
      return []
    })
    for (const event of events) {
      if (event.event === 'delete') await announcements.recordGone(event.did, event.rkey)
      else await announcements.recordFound(event.did, event.rkey, event.record)
    }
  }
}

type Commit = Parameters<typeof parseCommitAuthenticated>[1]

function readCommit(resolver: IdResolver, commit: Commit): ReturnType<typeof parseCommitAuthenticated> {
  return parseCommitAuthenticated(resolver, commit, (collection) => collection === ENROLLMENT_COLLECTION)
}

/** Whether it is a commit, and one that concerns us. What is none would be one of a broken server: it is passed over. */
function hasEnrollment(body: Frame['body']): body is Frame['body'] & Commit {
  const { repo, seq, rev, blocks, ops } = body
  const isWhole = typeof repo === 'string' && typeof seq === 'number' && typeof rev === 'string'
  if (!isWhole || !(blocks instanceof Uint8Array) || !Array.isArray(ops) || ops.length > MAX_OPS) return false
  return ops.every(isOp) && ops.some(({ path }) => path.startsWith(`${ENROLLMENT_COLLECTION}/`))
}

function isOp(op: unknown): op is { readonly path: string } {
  return (
    typeof op === 'object' && op !== null && 'action' in op && 'path' in op && typeof op.path === 'string'
  )
}
