/**
 * A stub is the public shadow of a private record: same collection, same key, on the author's PDS. It says where the full
 * record is and which version is meant, and nothing about what is in it or who may read it.
 */
import type { LexMap } from '@atproto/lex-data'
import { isValidDatetime } from '@atproto/syntax'
import { parseAtUri } from '../ids.ts'
import { memberOf, textMemberOf } from '../untyped.ts'

/** Where the full record is (lexicon `zone.stratos.defs#source`). */
export interface StubSource {
  readonly vary: string
  readonly subject: { readonly uri: string; readonly cid: string }
  /** `did#fragment` as written; the fragment names the service's entry in its DID document. */
  readonly service: string
  /** The part of `service` before the `#`. */
  readonly serviceDid: string
}

export type Stub = {
  readonly $type: string
  readonly source: {
    readonly vary: 'authenticated'
    readonly subject: { readonly uri: string; readonly cid: string }
    readonly service: string
  }
  readonly createdAt: string
}

/**
 * Builds the stub of a private record. Takes over nothing but its type, which is the collection, and its date.
 *
 * @param target `uri` and `cid` of the full record; `service` as `did#fragment`; `nowIso` stands in for a `createdAt`
 *   that is missing or not a datetime
 * @throws {StratosError} `InvalidRequest` if `uri` is not the URI of a record
 */
export function buildStub(
  record: LexMap,
  target: { uri: string; cid: string; service: string; nowIso: string },
): Stub {
  const { uri, cid, service, nowIso } = target
  const createdAt = textMemberOf(record, 'createdAt')
  return {
    $type: parseAtUri(uri).collection,
    source: { vary: 'authenticated', subject: { uri, cid }, service },
    createdAt: isValidDatetime(createdAt) ? createdAt : nowIso,
  }
}

export function isStub(value: unknown): boolean {
  return parseStubSource(value) !== null
}

/** Reads the `source` of a stub. Does not check the syntax of what it names. @returns null if the value is no stub */
export function parseStubSource(value: unknown): StubSource | null {
  const source = memberOf(value, 'source')
  const subject = memberOf(source, 'subject')
  const vary = textMemberOf(source, 'vary')
  const service = textMemberOf(source, 'service')
  const uri = textMemberOf(subject, 'uri')
  const cid = textMemberOf(subject, 'cid')
  if (vary === undefined || service === undefined || uri === undefined || cid === undefined) return null
  return { vary, subject: { uri, cid }, service, serviceDid: service.split('#', 1)[0] ?? service }
}
