import type { Actors, AuditedAction, AuditLog, Did } from 'stratos-core'
import type { BlobKeeper } from './blob-keeper.ts'
import { blobNotFound } from './read-blobs.ts'
import { readIfPresent } from './read-if-present.ts'

/** Takes blobs out of everybody's sight, and back. */
export class BlobTakedowns {
  readonly #actors: Pick<Actors, 'read' | 'transact'>
  readonly #keeper: Pick<BlobKeeper, 'mark' | 'wake'>
  readonly #audit: Pick<AuditLog, 'append'>
  readonly #nowMs: () => number

  constructor(options: {
    actors: Pick<Actors, 'read' | 'transact'>
    keeper: Pick<BlobKeeper, 'mark' | 'wake'>
    audit: Pick<AuditLog, 'append'>
    nowMs: () => number
  }) {
    this.#actors = options.actors
    this.#keeper = options.keeper
    this.#audit = options.audit
    this.#nowMs = options.nowMs
  }

  /**
   * Holds at once; the bytes follow into quarantine, and out of it. In quarantine a blob is kept even if no record refers
   * to it, until it is restored or its owner leaves.
   *
   * @throws {StratosError} `BlobNotFound` if there is no such blob
   */
  async setQuarantined(
    owner: Did,
    cid: string,
    change: {
      readonly quarantined: boolean
      readonly reason: string | undefined
      readonly by: AuditedAction
    },
  ): Promise<void> {
    const { quarantined, reason, by } = change
    const entries = await readIfPresent(this.#actors, owner, ({ blobs }) => blobs.findMany([cid]))
    const before = entries?.[0]
    if (before === undefined || before.doomed) throw blobNotFound()
    await this.#audit.append({
      ...by,
      subject: owner,
      before: { cid, quarantined: before.quarantined },
      after: { cid, quarantined, ...(reason === undefined ? {} : { reason }) },
    })
    await this.#keeper.mark(owner)
    const found = await this.#actors.transact(owner, ({ blobs }) =>
      blobs.setQuarantined(cid, quarantined, this.#nowMs()),
    )
    if (!found) throw blobNotFound()
    this.#keeper.wake(owner)
  }
}
