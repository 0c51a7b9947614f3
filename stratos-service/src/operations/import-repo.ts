import {
  decodeRecord,
  formatAtUri,
  mayWrite,
  StratosError,
  type Actors,
  type ActorStores,
  type AtUri,
  type CarLimits,
  type Did,
  type OpenSpool,
  type RecordBlock,
  type RecordPolicy,
  type RepoHead,
  type UserViewer,
} from 'stratos-core'
import { EMPTY_TREE, SortedTree } from 'stratos-core/repo'
import type { KeyedLock } from '../limits/keyed-lock.ts'
import { Turns } from '../limits/turns.ts'
import { ImportPolicy, NotForHere, parseBoundaryMap } from './import-policy.ts'
import type { ImportSlots } from './import-slots.ts'
import type { Members } from './members.ts'
import { RepoArchive, type ArchivedRecord } from './repo-archive.ts'
import { storeArchive } from './store-archive.ts'
import type { VisibleReferences } from './visible-references.ts'
import type { StubSettings } from './write-records.ts'

/** Of the list in the answer. */
const MAX_LISTED = 1_000

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
    const { actors, policy, openSpool, slots } = this.#parts
    const map = parseBoundaryMap(options.map, author, policy)
    return slots.run(did, async () => {
      await actors.read(did, getEmptyHead)
      const spool = await openSpool()
      try {
        const archive = await RepoArchive.receive(body, did, spool, this.#parts.limits)
        if (options.source !== undefined) await this.#verifySource(archive, did, options.source)
        const rules = new ImportPolicy({ archive, author, map, ...this.#parts })
        const review = await reviewArchive(archive, rules, options.onForeign)
        await this.#store(author, archive, rules, review)
        const skipped = review.reasons.map(({ collection, rkey, reason }) => ({
          uri: formatAtUri({ did, collection, rkey }),
          reason,
        }))
        return { imported: review.accepted, skipped, skippedCount: review.skipped.length }
      } finally {
        await spool.close()
      }
    })
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

  async #store(
    { did, boundaries }: UserViewer,
    archive: RepoArchive,
    rules: ImportPolicy,
    review: Review,
  ): Promise<void> {
    if (review.accepted === 0) return
    const { actors, lock, members, stubs, nowMs } = this.#parts
    const keypair = await actors.signingKey(did)
    await lock.run(did, async () => {
      await members.assertHolds(did, boundaries)
      await stubs?.backlog.mark(did)
      await actors.transact(did, async (stores) => {
        const empty = await getEmptyHead(stores)
        const records = acceptedRecords(archive, review)
        await storeArchive({ did, empty, archive, rules, records, keypair, stores, stubs, nowMs: nowMs() })
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

/** What is to become of the records of an archive. */
interface Review {
  readonly accepted: number
  /** Which ones in the order of the archive, ascending, are left out. */
  readonly skipped: readonly number[]
  /** For the first of them. */
  readonly reasons: readonly (ArchivedRecord & { readonly reason: string })[]
}

/** Looks at every record, and at the shape of the tree that they are in. */
async function reviewArchive(
  archive: RepoArchive,
  rules: ImportPolicy,
  onForeign: ImportOptions['onForeign'],
): Promise<Review> {
  const tree = new SortedTree(() => undefined)
  const skipped: number[] = []
  const reasons: (ArchivedRecord & { reason: string })[] = []
  const turns = new Turns()
  let count = 0
  for (const record of archive.records()) {
    tree.add(record.key, record.value)
    const block = archive.getBlock(record.value)
    const reason = await reasonAgainst(record, block, rules)
    if (reason !== null && onForeign === 'refuse') throw new StratosError(reason.code, reason.message)
    if (reason !== null) {
      skipped.push(count)
      if (reasons.length < MAX_LISTED) reasons.push({ ...record, reason: reason.message })
    }
    count += 1
    await turns.after(block.bytes.byteLength)
  }
  if (!tree.root(() => undefined).equals(archive.data)) {
    throw new StratosError('InvalidCar', 'the tree of records does not have the shape that its keys demand')
  }
  return { accepted: count - skipped.length, skipped, reasons }
}

/**
 * @returns why the record does not fit here, or null if it does
 * @throws {StratosError} if it would fit nowhere
 */
async function reasonAgainst(
  record: ArchivedRecord,
  { bytes }: RecordBlock,
  rules: ImportPolicy,
): Promise<StratosError | null> {
  try {
    await rules.check(record, rules.translate(decodeRecord(bytes)))
    return null
  } catch (err) {
    const cause = err instanceof NotForHere ? err.reason : err
    if (!(cause instanceof StratosError)) throw err
    const named = new StratosError(cause.code, `${record.key}: ${cause.message}`, { cause })
    if (err instanceof NotForHere) return named
    throw named
  }
}

function* acceptedRecords(
  archive: RepoArchive,
  { skipped }: Review,
): Generator<ArchivedRecord, void, undefined> {
  let count = 0
  let next = 0
  for (const record of archive.records()) {
    if (skipped[next] === count) next += 1
    else yield record
    count += 1
  }
}
