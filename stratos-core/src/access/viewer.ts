import type { Did } from '../ids.ts'

/** Who asks. Made by the service's `auth/` from a credential that was checked, and by nobody else. */
export type Viewer = AnonymousViewer | UserViewer | ServiceViewer | OperatorViewer

export interface AnonymousViewer {
  readonly kind: 'anonymous'
}

/** A person, or an application on their behalf. */
export interface UserViewer {
  readonly kind: 'user'
  readonly did: Did
  /** Whether the DID has an active enrollment here. */
  readonly enrolled: boolean
  /** Boundaries the enrollment grants, fully qualified; empty without one. */
  readonly boundaries: ReadonlySet<string>
  /** Set where an allow-listed service asks in their name: it then sees nothing that it could not see itself. */
  readonly throughService?: true
  /** Set where the credential permits less than the person may do. */
  readonly grant?: WriteGrant
}

/** What an application was permitted to change in its user's repo. */
export interface WriteGrant {
  mayWrite(action: 'create' | 'update' | 'delete', collection: string): boolean
}

/** An AppView or another service that the operator has put on the allow list. */
export interface ServiceViewer {
  readonly kind: 'service'
  readonly did: Did
}

/** Whoever runs this service. Administers enrollments; reads no records. */
export interface OperatorViewer {
  readonly kind: 'operator'
  readonly name: string
}

export const ANONYMOUS: AnonymousViewer = { kind: 'anonymous' }
