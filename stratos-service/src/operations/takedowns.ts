import {
  formatAtUri,
  parseCid,
  type Actors,
  type ActorStores,
  type AuditedAction,
  type AuditLog,
  type RecordAddress,
} from 'stratos-core'
import { encodeCommitEvent, indexOfCommit, type CommitOp } from './commit-event.ts'
import { nullIfAbsent, readIfPresent } from './read-if-present.ts'
import { recordNotFound } from './record-not-found.ts'

/**
 * Takes records out of everybody's sight, their authors' too, and shows them again. They stay in their repos: there is no commit.
 * Who follows the repo is told all the same, as if the record had been deleted or created at the last one.
 */
export class Takedowns {
  readonly #actors: Pick<Actors, 'read' | 'transact'>
  readonly #audit: Pick<AuditLog, 'append'>
  readonly #nowMs: () => number

  constructor(options: {
    actors: Pick<Actors, 'read' | 'transact'>
    audit: Pick<AuditLog, 'append'>
    nowMs: () => number
  }) {
    this.#actors = options.actors
    this.#audit = options.audit
    this.#nowMs = options.nowMs
  }

  /**
   * Holds for the address, whatever its author writes there. A repetition changes nothing.
   *
   * @throws {StratosError} `RecordNotFound` if there is no such record
   */
  async takeDown(address: RecordAddress, reason: string | undefined, by: AuditedAction): Promise<void> {
    const found = await readIfPresent(this.#actors, address.did, ({ records }) => records.findCids([address]))
    if (found === null || found.size === 0) throw recordNotFound()
    await this.#note(address, { takenDown: true, reason }, by)
    const atMs = this.#nowMs()
    await this.#actors.transact(address.did, async (stores) => {
      if (!(await stores.records.takeDown(address, atMs))) return
      const formerBoundaries = await findBoundaries(stores, address)
      const op = { cid: null, bytes: 0, boundaries: [], formerBoundaries }
      await append(stores, address, { action: 'delete', ...op }, atMs)
    })
  }

  /** @throws {StratosError} `RecordNotFound` if the record was not taken down */
  async restore(address: RecordAddress, reason: string | undefined, by: AuditedAction): Promise<void> {
    await this.#note(address, { takenDown: false, reason }, by)
    const restoring = this.#actors.transact(address.did, async (stores) => {
      const restored = await stores.records.restore(address)
      const record = restored ? await stores.records.find(address, { kind: 'all' }) : null
      if (record === null) return restored
      const op = { cid: parseCid(record.cid), bytes: record.bytes.byteLength, formerBoundaries: [] }
      const boundaries = await findBoundaries(stores, address)
      await append(stores, address, { action: 'create', boundaries, ...op }, this.#nowMs())
      return true
    })
    if ((await nullIfAbsent(restoring)) !== true) throw recordNotFound()
  }

  /** First of all: a note of something that then failed can be explained, a change without one cannot. */
  async #note(address: RecordAddress, after: object, by: AuditedAction): Promise<void> {
    await this.#audit.append({ ...by, subject: formatAtUri(address), after })
  }
}

async function findBoundaries({ records }: ActorStores, address: RecordAddress): Promise<readonly string[]> {
  const found = await records.findBoundaries([address])
  return found.get(pathOf(address)) ?? []
}

async function append(
  { repo, events }: ActorStores,
  address: RecordAddress,
  change: Omit<CommitOp, 'path'>,
  atMs: number,
): Promise<void> {
  const head = await repo.findHead()
  if (head === null) return
  const ops = [{ ...change, path: pathOf(address) }]
  await events.append(encodeCommitEvent({ rev: head.rev, commit: head.cid, ops }), atMs, indexOfCommit(ops))
}

function pathOf({ collection, rkey }: RecordAddress): string {
  return `${collection}/${rkey}`
}
