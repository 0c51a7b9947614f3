import type { LexMap } from '@atproto/lex-data'
import { checkBoundaries } from '../access/boundary-policy.ts'
import type { UserViewer } from '../access/viewer.ts'
import type { Boundary } from '../boundary/boundary.ts'
import { rawBoundariesOf } from '../boundary/record-boundaries.ts'
import { StratosError } from '../errors.ts'
import { type AtUri, type Nsid, type Rkey, parseRkey } from '../ids.ts'
import { memberOf } from '../untyped.ts'
import { isKeptCollection } from './collections.ts'
import { assertDataModel } from './data-model.ts'
import { findRecordLexicon } from './record-lexicons.ts'
import { POST_COLLECTION, referencesOf } from './references.ts'
import { isStub } from './stub.ts'

/** A record that somebody wants to write. */
export interface RecordDraft {
  readonly collection: Nsid
  readonly rkey: Rkey
  readonly record: unknown
  /**
   * As in `com.atproto.repo.createRecord`: false skips the lexicon, true insists on a known one, absent checks it where
   * it is known. Nothing but the lexicon depends on it.
   */
  readonly validate?: boolean | undefined
}

/** What the service it is written to accepts. */
export interface RecordPolicy {
  readonly serviceDid: string
  /** All boundaries of the service's configuration, fully qualified. */
  readonly serviceBoundaries: ReadonlySet<string>
  /** Collections besides `zone.stratos.*`: NSIDs, or groups of them as `com.example.*`. */
  readonly extraCollections: readonly string[]
}

export interface ValidatedRecord {
  readonly boundaries: Boundary[]
  /** Records that must be looked up and passed to `checkReferences` before the write is allowed. */
  readonly references: AtUri[]
  /** Absent when the lexicon check was skipped. */
  readonly validationStatus: 'valid' | 'unknown' | undefined
}

/**
 * Checks a record before it is written: data model, collection, type, lexicon, boundaries, references, in that order.
 *
 * Does not look at other records (see `checkReferences`), at whose repo it is (see `mayWrite`), or at its encoded size
 * (see `encodeRecord`).
 *
 * @throws {StratosError} `InvalidRecord`, `InvalidCollection`, `InvalidRequest` (record key), or the codes of
 *   `checkBoundaries`
 */
export function validateRecord(
  draft: RecordDraft,
  policy: RecordPolicy,
  author: UserViewer,
): ValidatedRecord {
  const { collection, rkey, record } = draft
  assertDataModel(record)
  if (!isKeptCollection(collection, policy.extraCollections)) {
    throw new StratosError('InvalidCollection', `records of ${collection} cannot be written here`)
  }
  checkKey(collection, rkey)
  if (record.$type !== collection) throw invalid(`$type must be ${collection}`)
  const validationStatus = checkLexicon(collection, record, draft.validate)
  if (isStub(record) || (collection === POST_COLLECTION && memberOf(record, 'source') !== undefined)) {
    throw invalid('this is a stub; send the full record, without source')
  }
  const service = { did: policy.serviceDid, boundaries: policy.serviceBoundaries }
  const boundaries = checkBoundaries(author, givenBoundaries(record), service)
  if (collection === POST_COLLECTION && boundaries.length === 0) throw invalid('a post must have a boundary')
  return { boundaries, references: referencesOf(record), validationStatus }
}

function checkKey(collection: Nsid, rkey: Rkey): void {
  const lexicon = findRecordLexicon(collection)
  parseRkey(rkey)
  if (lexicon !== null && !lexicon.keySchema.matches(rkey)) {
    throw new StratosError(
      'InvalidRequest',
      `the key of a ${collection} must be of the kind "${lexicon.key}"`,
    )
  }
}

function checkLexicon(
  collection: Nsid,
  record: LexMap,
  validate: boolean | undefined,
): ValidatedRecord['validationStatus'] {
  if (validate === false) return undefined
  const lexicon = findRecordLexicon(collection)
  if (lexicon === null) {
    if (validate) throw invalid(`the lexicon of ${collection} is not known here`)
    return 'unknown'
  }
  const result = lexicon.safeValidate(record)
  if (!result.success) throw invalid(result.reason.message)
  return 'valid'
}

/** A boundary that is there but cannot be read must not pass for none: the author meant to share the record. */
function givenBoundaries(record: unknown): readonly unknown[] {
  const boundary = memberOf(record, 'boundary')
  if (boundary !== undefined && !Array.isArray(memberOf(boundary, 'values'))) {
    throw invalid('boundary must be an object with a list of values')
  }
  return rawBoundariesOf(record)
}

function invalid(message: string): StratosError {
  return new StratosError('InvalidRecord', message)
}
