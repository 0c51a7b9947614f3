/** The rules about reading, in their order, as values: what decides is also what explains. */
import type { Did } from '../ids.ts'
import { ALLOW, type Decision, deny } from './decision.ts'
import type { Viewer } from './viewer.ts'

/** Everything that a decision about reading depends on. */
export interface ReadCase {
  readonly viewer: Viewer
  /** Whose repo the record is in. */
  readonly owner: Did
  /** Of the record, fully qualified, compared exactly. */
  readonly boundaries: readonly string[]
  /** All boundaries of this service's configuration; others count as absent. */
  readonly serviceBoundaries: ReadonlySet<string>
  /** Whether an operator has hidden the record. */
  readonly takenDown: boolean
}

interface ReadRule {
  readonly name: string
  /** null leaves the decision to the next rule. */
  readonly decide: (about: ReadCase) => Decision | null
  /** What it looks at, for people. */
  readonly inputs: (about: ReadCase) => string
}

/** One rule, as it came out. */
export interface EvaluatedRule {
  readonly name: string
  readonly result: 'allow' | 'deny' | 'continue'
  readonly detail: string
}

const RULES: readonly ReadRule[] = [
  {
    name: 'viewer-is-a-reader',
    decide: ({ viewer }) => {
      if (viewer.kind === 'anonymous') return deny('not-signed-in')
      return viewer.kind === 'operator' ? deny('not-a-reader') : null
    },
    inputs: ({ viewer }) => `the viewer is ${nameOf(viewer)}`,
  },
  {
    name: 'not-taken-down',
    decide: ({ takenDown }) => (takenDown ? deny('taken-down') : null),
    inputs: ({ takenDown }) => `the record is ${takenDown ? '' : 'not '}taken down`,
  },
  {
    name: 'owner-sees-their-own',
    decide: (about) => (isOwner(about) && !isThroughService(about) ? ALLOW : null),
    inputs: (about) =>
      `the record is in the repo of ${about.owner}; the viewer asks ${isThroughService(about) ? 'through a service' : 'directly'}`,
  },
  {
    name: 'viewer-is-enrolled',
    decide: (about) =>
      about.viewer.kind === 'user' && !isOwner(about) && !about.viewer.enrolled ? deny('not-enrolled') : null,
    inputs: ({ viewer }) =>
      viewer.kind === 'user' ? `enrolled: ${viewer.enrolled ? 'yes' : 'no'}` : 'services need not be',
  },
  {
    name: 'record-has-a-boundary-in-force',
    decide: (about) => (inForce(about).length === 0 ? deny('no-boundary') : null),
    inputs: (about) =>
      `of the record: ${listed(about.boundaries)}; of these the service has: ${listed(inForce(about))}`,
  },
  {
    name: 'services-and-the-owner-see-all-boundaries',
    decide: (about) => (about.viewer.kind === 'service' || isOwner(about) ? ALLOW : null),
    inputs: (about) =>
      about.viewer.kind === 'service' || isOwner(about)
        ? 'the viewer is one of them'
        : 'the viewer is neither',
  },
  {
    name: 'viewer-shares-a-boundary',
    decide: (about) => (shared(about).length > 0 ? ALLOW : deny('no-shared-boundary')),
    inputs: (about) => `the viewer holds: ${listed(held(about))}; shared: ${listed(shared(about))}`,
  },
]

/**
 * Decides by the first rule that has something to say.
 *
 * @param onRule hears of every rule that is looked at; the last one decided
 */
export function decideRead(
  about: ReadCase,
  onRule?: (rule: ReadRule, outcome: Decision | null) => void,
): Decision {
  for (const rule of RULES) {
    const outcome = rule.decide(about)
    onRule?.(rule, outcome)
    if (outcome !== null) return outcome
  }
  return deny('no-shared-boundary')
}

/** The same decision, with every rule that was looked at, in order. */
export function explainRead(about: ReadCase): { decision: Decision; rules: EvaluatedRule[] } {
  const rules: EvaluatedRule[] = []
  const decision = decideRead(about, ({ name, inputs }, outcome) => {
    const result = outcome === null ? 'continue' : outcome.allow ? 'allow' : 'deny'
    rules.push({ name, result, detail: inputs(about) })
  })
  return { decision, rules }
}

function isOwner({ viewer, owner }: ReadCase): boolean {
  return viewer.kind === 'user' && viewer.did === owner
}

function isThroughService({ viewer }: ReadCase): boolean {
  return viewer.kind === 'user' && viewer.throughService !== undefined
}

function inForce({ boundaries, serviceBoundaries }: ReadCase): readonly string[] {
  return boundaries.filter((boundary) => serviceBoundaries.has(boundary))
}

function shared(about: ReadCase): readonly string[] {
  const { viewer } = about
  return viewer.kind === 'user' ? inForce(about).filter((boundary) => viewer.boundaries.has(boundary)) : []
}

function held({ viewer }: ReadCase): readonly string[] {
  return viewer.kind === 'user' ? [...viewer.boundaries] : []
}

function nameOf(viewer: Viewer): string {
  if (viewer.kind === 'anonymous') return 'nobody who is signed in'
  return viewer.kind === 'operator' ? 'an operator' : `the ${viewer.kind} ${viewer.did}`
}

function listed(boundaries: readonly string[]): string {
  return boundaries.length === 0 ? 'none' : boundaries.join(', ')
}
