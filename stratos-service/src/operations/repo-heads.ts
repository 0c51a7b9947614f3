import {
  parseDid,
  StratosError,
  type Actors,
  type Did,
  type EnrollmentStore,
  type RepoHead,
  type Viewer,
} from 'stratos-core'
import { Semaphore } from '../limits/semaphore.ts'
import type { PageCursors } from './page-cursors.ts'
import { readIfPresent } from './read-if-present.ts'

/** Repos looked at at the same time; others want to read as well. */
const REPOS_AT_ONCE = 4
const LISTING = ['repos']

/** Which repos there are, and the newest commit of each. */
export class RepoHeads {
  readonly #actors: Pick<Actors, 'read'>
  readonly #enrollments: Pick<EnrollmentStore, 'list'>
  readonly #cursors: Pick<PageCursors, 'seal' | 'open'>

  constructor(options: {
    actors: Pick<Actors, 'read'>
    enrollments: Pick<EnrollmentStore, 'list'>
    cursors: Pick<PageCursors, 'seal' | 'open'>
  }) {
    this.#actors = options.actors
    this.#enrollments = options.enrollments
    this.#cursors = options.cursors
  }

  /** @throws {StratosError} `RepoNotFound` */
  async get(did: Did): Promise<RepoHead> {
    const head = await this.#find(did)
    if (head === null) throw new StratosError('RepoNotFound', 'there is no such repo on this service')
    return head
  }

  /**
   * Repos of enrolled accounts, ordered by DID.
   *
   * @param cursor from the page before
   * @throws {StratosError} `InvalidRequest` for a cursor that is none
   */
  async list(
    viewer: Viewer,
    cursor: string | undefined,
    limit: number,
  ): Promise<{ readonly repos: readonly { did: Did; head: RepoHead }[]; readonly cursor: string | null }> {
    const after = cursor === undefined ? '' : parseDid(this.#cursors.open(viewer, LISTING, cursor))
    const enrollments = await this.#enrollments.list(after, limit)
    const atOnce = new Semaphore(REPOS_AT_ONCE)
    const heads = await Promise.all(enrollments.map(({ did }) => atOnce.run(() => this.#find(did))))
    const last = enrollments.length < limit ? undefined : enrollments.at(-1)
    return {
      // One that is being set up or removed at the moment has no head.
      repos: enrollments.flatMap(({ did }, index) => {
        const head = heads[index] ?? null
        return head === null ? [] : [{ did, head }]
      }),
      cursor: last === undefined ? null : this.#cursors.seal(viewer, LISTING, last.did),
    }
  }

  #find(did: Did): Promise<RepoHead | null> {
    return readIfPresent(this.#actors, did, ({ repo }) => repo.findHead())
  }
}
