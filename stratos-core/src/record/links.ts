import { type LexMap, isPlainObject } from '@atproto/lex-data'
import { isValidDid } from '@atproto/syntax'
import { StratosError } from '../errors.ts'
import { parseAtUri } from '../ids.ts'
import { memberOf, textMemberOf } from '../untyped.ts'

/** Longer ones are left out: an index of links must not outgrow the records. */
const MAX_PATH_LENGTH = 256
const MAX_TARGET_LENGTH = 1_024

/** One thing that a record points at. */
export interface RecordLink {
  /** Names of the members on the way to it, joined by dots; positions in lists are left out. Such as `reply.parent.uri`. */
  readonly path: string
  /** URI of a record, or the DID of an account. */
  readonly target: string
}

/**
 * Lists what a record points at: both ends of `reply`, the records inside `embed`, and `subject`, which may be a URI, a
 * DID, or an object with a `uri`. Text that is neither the URI of a record nor a DID is no link, and neither is one with a
 * path of more than 256 characters or a target of more than 1,024; nothing throws.
 *
 * @returns each pair of path and target once
 */
export function linksOf(record: LexMap): RecordLink[] {
  const found = new Map<string, RecordLink>()
  for (const link of candidatesIn(record)) {
    if (link.path.length <= MAX_PATH_LENGTH && isTarget(link.target))
      found.set(`${link.path} ${link.target}`, link)
  }
  return [...found.values()]
}

function* candidatesIn(record: LexMap): Generator<RecordLink> {
  const reply = memberOf(record, 'reply')
  for (const end of ['parent', 'root']) yield* uriOf(memberOf(reply, end), `reply.${end}`)
  yield* urisIn(memberOf(record, 'embed'), 'embed')
  const subject = textMemberOf(record, 'subject')
  if (subject !== undefined) yield { path: 'subject', target: subject }
  yield* uriOf(memberOf(record, 'subject'), 'subject')
}

function* urisIn(value: unknown, path: string): Generator<RecordLink> {
  if (Array.isArray(value)) {
    for (const item of value) yield* urisIn(item, path)
  } else if (isPlainObject(value)) {
    yield* uriOf(value, path)
    for (const [name, member] of Object.entries(value)) yield* urisIn(member, `${path}.${name}`)
  }
}

function* uriOf(value: unknown, path: string): Generator<RecordLink> {
  const target = textMemberOf(value, 'uri')
  if (target !== undefined) yield { path: `${path}.uri`, target }
}

function isTarget(text: string): boolean {
  if (text.length > MAX_TARGET_LENGTH) return false
  if (isValidDid(text)) return true
  if (!text.startsWith('at://')) return false
  try {
    parseAtUri(text)
    return true
  } catch (err) {
    // A handle, a missing part or another spelling: no record has this URI.
    if (err instanceof StratosError) return false
    throw err
  }
}
