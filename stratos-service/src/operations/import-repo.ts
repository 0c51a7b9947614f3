import {
  formatAtUri,
  mayWrite,
  StratosError,
  type Actors,
  type ActorStores,
  type AtUri,
  type BlockSpool,
  type CarLimits,
  type Did,
  type OpenSpool,
  type PieceSpool,
  type RecordPolicy,
  type RepoHead,
  type UserViewer,
} from 'stratos-core'
import { EMPTY_TREE } from 'stratos-core/repo'
import type { KeyedLock } from '../limits/keyed-lock.ts'
import { ImportPolicy, parseBoundaryMap } from './import-policy.ts'
import type { ImportSlots } from './import-slots.ts'
import type { Members } from './members.ts'
import { RepoArchive } from './repo-archive.ts'
import { reviewArchive } from './review-archive.ts'
import { storeArchive } from './store-archive.ts'
import type { VisibleReferences } from './visible-references.ts'
import type { StubSettings } from './write-records.ts'

export interface ImportOptions {
  /** Entries of the form `from=to`. */
  readonly map: readonly string[]
  /** What becomes of a record whose boundaries or references do not fit here. */
  readonly onForeign: 'skip' | 'refuse'
  /** DID of the service that the export comes from: its commit has to be signed with the key of the enrollment there. */
  readonly source: Did | undefined
}

export interface ImportResult {
  readonly imported: number
  /** The first of those that were left out. */
  readonly skipped: readonly { readonly uri: AtUri; readonly reason: string }[]
  readonly skippedCount: number
}

/** Finds the key that signs somebody's repo on a service, as their public enrollment record there says. */
export type FindRepoKey = (did: Did, service: Did) => Promise<string | null>

export interface ImportParts {
  readonly actors: Actors
  readonly policy: RecordPolicy
  readonly references: VisibleReferences
  readonly openSpool: OpenSpool
  readonly findRepoKey: FindRepoKey
  readonly limits: CarLimits
  readonly slots: ImportSlots
  /** The one that writers take. */
  readonly lock: KeyedLock
  readonly members: Members
  readonly stubs: StubSettings | null
  readonly nowMs: () => number
}

/**
 * Fills an empty repo from an export. Records pass the same rules as any write, and appear in the same commits, events and
 * stubs; the service assigns revisions and signs. All of it is one transaction.
 */
export class ImportRepo {
  readonly #parts: ImportParts

  constructor(parts: ImportParts) {
    this.#parts = parts
  }

  /**
   * @param body a CAR file, read as it arrives
   * @throws {StratosError} `InvalidCar`; `RepoAlreadyExists` if the repo has records; the error of the first record that is
   *   refused; `RateLimitExceeded` or `ServiceUnavailable` while other imports run
   */
  async import(
    author: UserViewer,
    body: AsyncIterable<Uint8Array>,
    options: ImportOptions,
  ): Promise<ImportResult> {
    const { did } = author
    if (!mayWrite(author, did).allow) throw new StratosError('NotEnrolled', 'you are not enrolled here')
    const { actors, policy, slots, limits } = this.#parts
    const map = parseBoundaryMap(options.map, author, policy)
    return slots.run(did, async () => {
      await actors.read(did, getEmptyHead)
      return this.#withSpools(async (blocks, plan) => {
        const archive = await RepoArchive.receive(body, did, blocks, limits)
        if (options.source !== undefined) await this.#verifySource(archive, did, options.source)
        const rules = new ImportPolicy({ archive, author, map, ...this.#parts })
        const review = { ...options, maxBytes: limits.maxBytes }
        const { accepted, skipped, reasons } = await reviewArchive(archive, rules, review, plan)
        if (accepted > 0) await this.#store(author, plan)
        const listed = reasons.map(({ collection, rkey, reason }) => ({
          uri: formatAtUri({ did, collection, rkey }),
          reason,
        }))
        return { imported: accepted, skipped: listed, skippedCount: skipped }
      })
    })
  }

  async #withSpools<T>(work: (blocks: BlockSpool, plan: PieceSpool) => Promise<T>): Promise<T> {
    const { openSpool } = this.#parts
    const blocks = await openSpool.blocks()
    try {
      const plan = await openSpool.pieces()
      try {
        return await work(blocks, plan)
      } finally {
        await plan.close()
      }
    } finally {
      await blocks.close()
    }
  }

  async #verifySource(archive: RepoArchive, did: Did, source: Did): Promise<void> {
    const key = await this.#parts.findRepoKey(did, source)
    if (key === null) {
      throw new StratosError(
        'InvalidCar',
        `your account publishes no enrollment with ${source} to check the export with`,
      )
    }
    archive.verifyCommit(key)
  }

  async #store({ did, boundaries }: UserViewer, plan: PieceSpool): Promise<void> {
    const { actors, lock, members, stubs, nowMs } = this.#parts
    const keypair = await actors.signingKey(did)
    await lock.run(did, async () => {
      await members.assertHolds(did, boundaries)
      await stubs?.backlog.mark(did)
      await actors.transact(did, async (stores) => {
        const empty = await getEmptyHead(stores)
        await storeArchive({ did, keypair, stores, stubs, nowMs: nowMs() }, empty, plan)
      })
    })
    stubs?.backlog.wake(did)
  }
}

/** @throws {StratosError} `RepoAlreadyExists` if the repo has a record */
async function getEmptyHead({ repo }: ActorStores): Promise<RepoHead> {
  const head = await repo.findHead()
  if (head === null) throw new StratosError('RepoNotFound', 'there is no such repo on this service')
  if (head.data.equals(EMPTY_TREE)) return head
  throw new StratosError('RepoAlreadyExists', 'an export can be imported into an empty repo only')
}
