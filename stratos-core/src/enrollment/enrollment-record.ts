import { parseLexBytes } from '@atproto/lex-json'
import { type Boundary, isQualified } from '../boundary/boundary.ts'
import { type Nsid, type Rkey, parseRkey } from '../ids.ts'
import { listMemberOf, memberOf, textMemberOf } from '../untyped.ts'
import type { Attestation } from './attestation.ts'

export const ENROLLMENT_COLLECTION = 'zone.stratos.actor.enrollment' satisfies Nsid

/** As in the lexicon. Whoever writes the record may write anything, and some of what reads it takes long for long text. */
const MAX_URL_LENGTH = 2048
const MAX_KEY_LENGTH = 256

/** What a public enrollment record says. */
export interface EnrollmentRecord {
  readonly rkey: string
  /** Base URL of the service. */
  readonly service: string
  readonly boundaries: Boundary[]
  /** `did:key` of the key that signs the actor's repo on that service. */
  readonly signingKey: string
  readonly attestation: Attestation
  /** ISO 8601. */
  readonly createdAt: string
}

/** The record as it is written (lexicon `zone.stratos.actor.enrollment`). */
export type EnrollmentRecordValue = {
  readonly $type: 'zone.stratos.actor.enrollment'
  readonly service: string
  readonly boundaries: { readonly value: Boundary }[]
  readonly signingKey: string
  readonly attestation: { readonly sig: Uint8Array; readonly signingKey: string }
  readonly createdAt: string
}

/**
 * The key under which an actor's PDS keeps their enrollment with a service: the service's DID, with the escaped colon
 * before a port written out, since record keys cannot contain `%`.
 *
 * @throws {StratosError} `InvalidRequest` if that is not a record key
 */
export function serviceDidToRkey(serviceDid: string): Rkey {
  return parseRkey(serviceDid.replaceAll(/%3a/gi, ':'))
}

/** @param content `service` is the service's base URL, not its DID; `createdAt` the time of the enrollment */
export function buildEnrollmentRecord(content: {
  service: string
  boundaries: readonly Boundary[]
  signingKey: string
  attestation: Attestation
  createdAt: string
}): EnrollmentRecordValue {
  const { service, boundaries, signingKey, attestation, createdAt } = content
  const { sig } = attestation
  return {
    $type: ENROLLMENT_COLLECTION,
    service,
    boundaries: boundaries.map((value) => ({ value })),
    signingKey,
    attestation: { sig, signingKey: attestation.signingKey },
    createdAt,
  }
}

/**
 * Reads an enrollment record from a PDS, in JSON or in lexicon form. Accepts members it does not know, any record key,
 * and boundaries it cannot use, which it leaves out. Nothing is verified; see `verifyAttestation`.
 *
 * @returns null if a required member is missing or unusable
 */
export function parseEnrollmentRecord(value: unknown, rkey: string): EnrollmentRecord | null {
  const service = textMemberOf(value, 'service')
  const signingKey = textMemberOf(value, 'signingKey')
  const createdAt = textMemberOf(value, 'createdAt')
  const attestation = parseAttestation(memberOf(value, 'attestation'))
  if (service === undefined || !isWebUrl(service)) return null
  if (signingKey === undefined || createdAt === undefined || attestation === null) return null
  if (signingKey.length > MAX_KEY_LENGTH || attestation.signingKey.length > MAX_KEY_LENGTH) return null
  const boundaries = listMemberOf(value, 'boundaries').map((entry) => memberOf(entry, 'value'))
  return { rkey, service, boundaries: boundaries.filter(isQualified), signingKey, attestation, createdAt }
}

function parseAttestation(value: unknown): Attestation | null {
  const signingKey = textMemberOf(value, 'signingKey')
  const sig = parseBytes(memberOf(value, 'sig'))
  return signingKey === undefined || sig === null ? null : { sig, signingKey }
}

function parseBytes(value: unknown): Uint8Array | null {
  if (value instanceof Uint8Array) return value
  const text = textMemberOf(value, '$bytes')
  return text === undefined ? null : (parseLexBytes({ $bytes: text }) ?? null)
}

function isWebUrl(text: string): boolean {
  return text.length <= MAX_URL_LENGTH && URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)
}
