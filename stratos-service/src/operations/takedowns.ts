import { formatAtUri, type Actors, type AuditedAction, type AuditLog, type RecordAddress } from 'stratos-core'
import { nullIfAbsent, readIfPresent } from './read-if-present.ts'
import { recordNotFound } from './record-not-found.ts'

/** Takes records out of everybody's sight, their authors' too, and shows them again. They stay in their repos. */
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
    await this.#actors.transact(address.did, ({ records }) => records.takeDown(address, this.#nowMs()))
  }

  /** @throws {StratosError} `RecordNotFound` if the record was not taken down */
  async restore(address: RecordAddress, reason: string | undefined, by: AuditedAction): Promise<void> {
    await this.#note(address, { takenDown: false, reason }, by)
    const restoring = this.#actors.transact(address.did, ({ records }) => records.restore(address))
    if ((await nullIfAbsent(restoring)) !== true) throw recordNotFound()
  }

  /** First of all: a note of something that then failed can be explained, a change without one cannot. */
  async #note(address: RecordAddress, after: object, by: AuditedAction): Promise<void> {
    await this.#audit.append({ ...by, subject: formatAtUri(address), after })
  }
}
