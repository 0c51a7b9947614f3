import { encode } from '@atproto/lex-cbor'
import type { Did } from 'stratos-core'

/** What the enrollment feed says. A change of boundaries is an `enroll` with the new ones. */
export interface EnrollmentEvent {
  readonly did: Did
  readonly action: 'enroll' | 'unenroll'
  readonly boundaries: readonly string[]
}

export function encodeEnrollmentEvent(event: EnrollmentEvent): Uint8Array {
  return encode({ did: event.did, action: event.action, boundaries: [...event.boundaries] })
}
