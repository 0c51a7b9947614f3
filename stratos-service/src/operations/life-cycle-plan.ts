import { parseRkey, type Boundary, type Rkey } from 'stratos-core'

/** What has to be remembered to finish an enrollment that was begun. */
export interface EnrollPlan {
  readonly kind: 'enroll'
  readonly enrolledAt: string
  readonly pdsEndpoint: string
  readonly enrollmentRkey: Rkey
  readonly boundaries: readonly Boundary[]
}

/** How far a departure has got. Each step can be repeated. */
export type UnenrollStep =
  /** Private data: blobs, rows, blocks, key, files, what is queued. */
  | 'destroy'
  /** Stubs and enrollment record on the PDS. */
  | 'retract'
  /** The same once more, for what was on its way there from another instance. */
  | 'retract-again'
  /** The OAuth session, and the last rows. */
  | 'bury'

export interface UnenrollPlan {
  readonly kind: 'unenroll'
  readonly step: UnenrollStep
  /** Who wanted it, as in `by` of `Enrollments.unenroll`. */
  readonly by: string
  readonly startedAtMs: number
  readonly enrollmentRkey: Rkey
  readonly epoch: number
  /** Of the repo's events; null until the repo is sealed. */
  readonly lastSeq: number | null
}

export type LifeCyclePlan = EnrollPlan | UnenrollPlan

export function formatPlan(plan: LifeCyclePlan): string {
  return JSON.stringify(plan)
}

export function parsePlan(payload: string): LifeCyclePlan {
  const plan = JSON.parse(payload) as LifeCyclePlan
  return { ...plan, enrollmentRkey: parseRkey(plan.enrollmentRkey) }
}
