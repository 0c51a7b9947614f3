import { boundariesOf, parseBoundary } from 'stratos-client'
import { parseImages, type PostImage } from './images.ts'
import { splitText, type TextPart } from './rich-text.ts'

/** A private post as it is shown. */
export interface Post {
  uri: string
  /** of its author */
  did: string
  rkey: string
  text: string
  /** the text, taken apart at its links */
  parts: TextPart[]
  /** whether it answers another post */
  isAnswer: boolean
  /** null when the record holds no usable time */
  createdAt: Date | null
  /** fully qualified */
  boundaries: string[]
  images: PostImage[]
}

/** Reads a post out of a record, whatever its author wrote into it. */
export function parsePost(record: { uri: string; value: unknown }): Post {
  const { uri, value } = record
  const { text: written, createdAt, facets, reply } = (value ?? {}) as Record<string, unknown>
  const text = typeof written === 'string' ? written : ''
  const time = typeof createdAt === 'string' ? new Date(createdAt) : null
  return {
    uri,
    did: uri.split('/')[2] ?? '',
    rkey: uri.slice(uri.lastIndexOf('/') + 1),
    text,
    parts: splitText(text, facets),
    isAnswer: typeof reply === 'object' && reply !== null,
    createdAt: time !== null && !Number.isNaN(time.getTime()) ? time : null,
    boundaries: boundariesOf(value),
    images: parseImages(value),
  }
}

/** The part of a boundary that people read: `writers` of `did:web:stratos.example.com/writers`. */
export function boundaryName(boundary: string): string {
  return parseBoundary(boundary)?.name ?? boundary
}

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** A time as people say it: `now`, `5m`, `3h`, `2d`, and the date after a week. */
export function formatAge(time: Date, now: Date): string {
  const age = now.getTime() - time.getTime()
  // Clocks differ a little; a post from the near future was written just now.
  if (age < MINUTE_MS && age > -HOUR_MS) return 'now'
  if (age < 0 || age >= 7 * DAY_MS) {
    const year = time.getFullYear() === now.getFullYear() ? undefined : 'numeric'
    return time.toLocaleDateString(undefined, { day: 'numeric', month: 'short', year })
  }
  if (age < HOUR_MS) return `${Math.floor(age / MINUTE_MS)}m`
  if (age < DAY_MS) return `${Math.floor(age / HOUR_MS)}h`
  return `${Math.floor(age / DAY_MS)}d`
}

export const MAX_GRAPHEMES = 300
export const MAX_BYTES = 3000

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** Counts what a reader sees as characters: a family emoji is one. */
export function countGraphemes(text: string): number {
  let count = 0
  for (const _ of segmenter.segment(text)) count++
  return count
}

/** Whether a text fits into a post, in characters and in bytes. */
export function fitsIntoPost(text: string): boolean {
  return countGraphemes(text) <= MAX_GRAPHEMES && new TextEncoder().encode(text).length <= MAX_BYTES
}
