/**
 * What a post points at, and where it may point. Replying to or quoting a private record must not carry it beyond the
 * people who may read it, and private and public posts must not be woven together.
 */
import { isPlainObject } from '@atproto/lex-data'
import type { Boundary } from '../boundary/boundary.ts'
import { StratosError } from '../errors.ts'
import { type AtUri, type Nsid, formatAtUri, parseAtUri } from '../ids.ts'
import { memberOf, textMemberOf } from '../untyped.ts'

export const POST_COLLECTION = 'zone.stratos.feed.post' satisfies Nsid

const PRIVATE_RECORD = /^at:\/\/[^/]*\/zone\.stratos\./i
const PUBLIC_RECORD = /^at:\/\/[^/]*\/app\.bsky\./i

/** Each one is looked up before a post is written. */
const MAX_REFERENCES = 20

/**
 * Lists the records a post refers to: both ends of `reply`, and every record inside `embed`, however deep. Other kinds of
 * record refer to nothing that we know of.
 *
 * @returns each URI once, at most 20
 * @throws {StratosError} `InvalidRecord` for a reply without parent or root, a reference that is not the URI of a record
 *   in a DID's repo, an embedded `app.bsky.*` record, or more than 20 references
 */
export function referencesOf(record: unknown): AtUri[] {
  if (textMemberOf(record, '$type') !== POST_COLLECTION) return []
  const embedded = embeddedUris(record)
  const bluesky = embedded.find((uri) => PUBLIC_RECORD.test(plainUri(uri)))
  if (bluesky !== undefined) {
    throw invalid(
      `CrossNamespaceEmbed: a private post must not embed the public record ${bluesky.slice(0, 200)}`,
    )
  }
  const references = [...new Set([...replyUris(record), ...embedded].map(parseReference))]
  if (references.length > MAX_REFERENCES)
    throw invalid(`a post may refer to at most ${MAX_REFERENCES} records`)
  return references
}

/**
 * Checks that a post goes no further than what it refers to.
 *
 * @param boundaries the post's own
 * @param visible every record on this service that the author may see, of those in `referencesOf`, with its boundaries.
 *   A record that is missing and one that the author may not see must both be left out, and are answered alike.
 * @throws {StratosError} `InvalidRecord`
 */
export function checkReferences(
  record: unknown,
  boundaries: readonly Boundary[],
  visible: ReadonlyMap<AtUri, readonly string[]>,
): void {
  for (const uri of referencesOf(record)) {
    const allowed = visible.get(uri)
    if (allowed === undefined)
      throw invalid(`there is no private record here that you may refer to as ${uri}`)
    if (!boundaries.every((boundary) => allowed.includes(boundary))) {
      throw invalid(`your post may not have a boundary that ${uri} does not have`)
    }
  }
}

/**
 * The guard in the other direction, for whoever publishes posts: a public post must not embed a private record.
 *
 * @throws {StratosError} `InvalidRecord`
 */
export function assertNoPrivateEmbed(record: unknown): void {
  const uri = embeddedUris(record).find((embedded) => PRIVATE_RECORD.test(plainUri(embedded)))
  if (uri !== undefined)
    throw invalid(`CrossNamespaceEmbed: a public post must not embed the private record ${uri.slice(0, 200)}`)
}

function replyUris(record: unknown): string[] {
  const reply = memberOf(record, 'reply')
  if (reply === undefined) return []
  return ['parent', 'root'].map((end) => {
    const uri = textMemberOf(memberOf(reply, end), 'uri')
    if (uri === undefined) throw invalid(`a reply must name its ${end}`)
    return uri
  })
}

/** All text that names something in a repo, in members of any name, at any depth and in any kind of embed. */
function embeddedUris(record: unknown): string[] {
  return [...repoUrisIn(memberOf(record, 'embed'))]
}

function* repoUrisIn(value: unknown): Generator<string> {
  if (typeof value === 'string') {
    if (/^at:\/\//i.test(plainUri(value))) yield value
  } else if (Array.isArray(value)) {
    for (const item of value) yield* repoUrisIn(item)
  } else if (isPlainObject(value)) {
    for (const [name, member] of Object.entries(value)) {
      yield* repoUrisIn(name)
      yield* repoUrisIn(member)
    }
  }
}

/** What a lenient reader makes of text: without the blanks and invisible characters that it may contain. */
function plainUri(text: string): string {
  const visible = text.replace(/[\s\p{C}]+/gu, '')
  try {
    return decodeURIComponent(visible)
  } catch (err) {
    if (err instanceof URIError) return visible
    throw err
  }
}

function parseReference(uri: string): AtUri {
  try {
    return formatAtUri(parseAtUri(uri))
  } catch (err) {
    throw new StratosError('InvalidRecord', 'a post may refer to records by at://did/collection/key only', {
      cause: err,
    })
  }
}

function invalid(message: string): StratosError {
  return new StratosError('InvalidRecord', message)
}
