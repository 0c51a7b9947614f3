/**
 * The identifiers of AT Protocol. Text from outside becomes one of these types by a `parse…` function and in no other
 * way; code behind the edge never looks at the syntax again.
 *
 * Every `parse…` function accepts one spelling of each identifier and throws `StratosError` `InvalidRequest` for anything else.
 */
import {
  type AtUriString,
  type DidString,
  type NsidString,
  type RecordKeyString,
  type TidString,
  isValidDid,
  isValidNsid,
  isValidRecordKey,
  isValidTid,
  parseAtUriString,
} from '@atproto/syntax'
import { type Cid, parseCidSafe } from '@atproto/lex-data'
import { StratosError } from './errors.ts'

export type Did = DidString
export type Nsid = NsidString
export type Tid = TidString
export type Rkey = RecordKeyString
export type AtUri = AtUriString
export type { Cid }

/** The three names by which a record is found. */
export interface RecordAddress {
  readonly did: Did
  readonly collection: Nsid
  readonly rkey: Rkey
}

export function parseDid(text: string): Did {
  if (isValidDid(text)) return text
  throw malformed('DID', text)
}

export function parseNsid(text: string): Nsid {
  if (isValidNsid(text)) return text
  throw malformed('NSID', text)
}

export function parseRkey(text: string): Rkey {
  if (isValidRecordKey(text)) return text
  throw malformed('record key', text)
}

export function parseTid(text: string): Tid {
  if (isValidTid(text)) return text
  throw malformed('TID', text)
}

/** Accepts the base32 form of the CIDs of AT Protocol only, so that equal CIDs are equal text. */
export function parseCid(text: string): Cid {
  const cid = parseCidSafe(text, { flavor: 'dasl' })
  if (cid?.toString() !== text) throw malformed('CID', text)
  return cid
}

/**
 * Parses the URI of a record: `at://did/collection/rkey`. A handle in place of the DID, a missing part, a query or a
 * fragment is refused, so that every record has exactly one URI.
 */
export function parseAtUri(text: string): RecordAddress {
  const parsed = parseAtUriString(text)
  if (!parsed.success) throw malformed('record URI', text)
  const { authority, collection, rkey } = parsed.value
  if (!isValidDid(authority) || collection === undefined || rkey === undefined)
    throw malformed('record URI', text)
  const address = { did: authority, collection, rkey }
  if (formatAtUri(address) !== text) throw malformed('record URI', text)
  return address
}

export function formatAtUri({ did, collection, rkey }: RecordAddress): AtUri {
  return `at://${did}/${collection}/${rkey}`
}

/** Digits of TIDs, in ascending order both as numbers and as text. */
const TID_DIGITS = '234567abcdefghijklmnopqrstuvwxyz'

/**
 * The later of the clock's TID and the one right after `previous`: strictly ascending even when the clock stands still
 * or goes back.
 *
 * @param nowMs milliseconds since the epoch; fractions down to microseconds are used
 * @param clockId 0 to 1023, to keep writers apart that share a clock but not `previous`
 * @see https://atproto.com/specs/tid
 */
export function nextTid(previous: Tid | undefined, nowMs: number, clockId = 0): Tid {
  const clock = tidDigits(Math.floor(nowMs * 1000), 11) + tidDigits(clockId, 2)
  // TIDs sort as text.
  return previous === undefined || previous < clock ? clock : tidAfter(previous)
}

function tidDigits(value: number, length: number): string {
  let text = ''
  for (let rest = value; text.length < length; rest = Math.floor(rest / 32))
    text = TID_DIGITS.charAt(rest % 32) + text
  return text
}

function tidAfter(tid: Tid): Tid {
  const kept = tid.replace(/z+$/, '')
  const raised = TID_DIGITS.charAt(TID_DIGITS.indexOf(kept.slice(-1)) + 1)
  return parseTid((kept.slice(0, -1) + raised).padEnd(tid.length, TID_DIGITS.charAt(0)))
}

function malformed(what: string, text: string): StratosError {
  return new StratosError(
    'InvalidRequest',
    `not a valid ${what}: ${JSON.stringify(String(text).slice(0, 100))}`,
  )
}
