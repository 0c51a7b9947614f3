import {
  explainRead,
  FULL_SCOPE,
  parseAtUri,
  readScopeOf,
  type Actors,
  type Did,
  type EnrollmentStore,
  type EvaluatedRule,
  type RecordAddress,
  type Viewer,
} from 'stratos-core'
import { readIfPresent } from './read-if-present.ts'

export interface AccessExplanation {
  readonly allow: boolean
  readonly rules: readonly EvaluatedRule[]
}

/** Tells operators why an account may see a record, or not; never what is in it. */
export class ExplainAccess {
  readonly #actors: Pick<Actors, 'read'>
  readonly #enrollments: Pick<EnrollmentStore, 'find'>
  readonly #services: ReadonlySet<string>
  readonly #serviceBoundaries: ReadonlySet<string>

  constructor(options: {
    actors: Pick<Actors, 'read'>
    enrollments: Pick<EnrollmentStore, 'find'>
    /** DIDs on the allow list. */
    services: ReadonlySet<string>
    serviceBoundaries: ReadonlySet<string>
  }) {
    this.#actors = options.actors
    this.#enrollments = options.enrollments
    this.#services = options.services
    this.#serviceBoundaries = options.serviceBoundaries
  }

  /** @throws {StratosError} `InvalidRequest` for a URI that is not that of a record */
  async explain(viewerDid: Did, uri: string): Promise<AccessExplanation> {
    const address = parseAtUri(uri)
    const viewer = await this.#viewerOf(viewerDid)
    const found = await this.#look(viewer, address)
    const exists: EvaluatedRule = {
      name: 'record-exists',
      result: found.exists ? 'continue' : 'deny',
      detail: found.exists ? 'it does' : `there is no such record in the repo of ${address.did}`,
    }
    if (!found.exists) return { allow: false, rules: [exists] }
    const { decision, rules } = explainRead({
      viewer,
      owner: address.did,
      boundaries: found.boundaries,
      serviceBoundaries: this.#serviceBoundaries,
      takenDown: found.takenDown,
    })
    if (decision.allow === found.reached) return { allow: decision.allow, rules: [exists, ...rules] }
    // Readers get what the query finds. This would be a defect, and the place where it shows.
    const detail = `the query of this viewer does ${found.reached ? '' : 'not '}find it, against the rules above`
    const query: EvaluatedRule = { name: 'query', result: found.reached ? 'allow' : 'deny', detail }
    return { allow: found.reached, rules: [exists, ...rules, query] }
  }

  async #viewerOf(did: Did): Promise<Viewer> {
    if (this.#services.has(did)) return { kind: 'service', did }
    const enrollment = await this.#enrollments.find(did)
    const enrolled = enrollment?.active === true
    return { kind: 'user', did, enrolled, boundaries: new Set(enrolled ? enrollment.boundaries : []) }
  }

  async #look(viewer: Viewer, address: RecordAddress) {
    const scope = readScopeOf(viewer, address.did, this.#serviceBoundaries)
    const found = await readIfPresent(this.#actors, address.did, async ({ records }) => {
      const record = await records.find(address, FULL_SCOPE)
      const reached = await records.find(address, scope)
      return {
        exists: (await records.findCids([address])).size > 0,
        takenDown: record === null,
        boundaries: record?.boundaries ?? [],
        reached: reached !== null,
      }
    })
    return found ?? { exists: false, takenDown: false, boundaries: [], reached: false }
  }
}
