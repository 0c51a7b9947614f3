import type pg from 'pg'
import { PostgresBatch, type Answer, type Asked, type Prepared } from './postgres-batch.ts'
import { toWireValue } from './postgres-messages.ts'

/** A statement that comes so often on one connection is worth preparing. */
const PREPARE_AT = 3
const MAX_PREPARED = 200
const MAX_SEEN = 1_000
/** More parameters are those of a list of some length, which does not come again soon. */
const MAX_PARAMETERS = 60

/** What is remembered of a connection to the server for as long as it lasts. */
export class PostgresSession {
  readonly #client: pg.PoolClient
  /** Prepared statements by their text. With a schema for each actor there is no end of texts. */
  readonly #prepared = new Map<string, Prepared>()
  readonly #seen = new Map<string, number>()
  #gathered: Asked[] = []
  #last: { readonly asked: Asked; readonly wanted: () => boolean } | null = null
  #scheduled = false

  constructor(client: pg.PoolClient) {
    this.#client = client
  }

  /** Statements that are asked for at the same time go together; outside of a transaction there must be one at a time. */
  async query(text: string, parameters: readonly unknown[] = []): Promise<Answer> {
    const values = parameters.map(toWireValue)
    const prepared = values.length > MAX_PARAMETERS ? null : this.#prepare(text)
    return new Promise((resolve, reject) => {
      this.#gathered.push({ text, values, prepared, resolve, reject })
      this.#schedule()
    })
  }

  /** Adds a statement behind all that are asked for at the same time, if it is still wanted when they are sent. */
  async queryLast(text: string, wanted: () => boolean): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#last = { asked: { text, values: [], prepared: this.#prepare(text), resolve, reject }, wanted }
      this.#schedule()
    })
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    // Runs when all promises that can go on have done so: also those that tell that something has failed.
    process.nextTick(() => {
      this.#scheduled = false
      this.#send()
    })
  }

  #send(): void {
    const asked = this.#gathered
    const last = this.#last
    this.#gathered = []
    this.#last = null
    if (last?.wanted() === true) asked.push(last.asked)
    else last?.asked.reject(new Error('a statement is not wanted any more'))
    if (asked.length > 0) this.#client.query(new PostgresBatch(asked, this.#client))
  }

  #prepare(text: string): Prepared | null {
    const known = this.#prepared.get(text)
    if (known !== undefined) return known
    if (this.#prepared.size >= MAX_PREPARED) return null
    const times = (this.#seen.get(text) ?? 0) + 1
    if (times < PREPARE_AT) {
      if (this.#seen.size >= MAX_SEEN) this.#seen.clear()
      this.#seen.set(text, times)
      return null
    }
    this.#seen.delete(text)
    const prepared = { name: `s${this.#prepared.size}`, columns: null }
    this.#prepared.set(text, prepared)
    return prepared
  }
}
