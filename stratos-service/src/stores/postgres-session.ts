import { Writable } from 'node:stream'
import type pg from 'pg'

/** A statement that comes so often on one connection is worth preparing. */
const PREPARE_AT = 3
const MAX_PREPARED = 200
const MAX_SEEN = 1_000
/** More parameters are those of a list of some length, which does not come again soon. */
const MAX_PARAMETERS = 60

/** What is remembered of a connection to the server for as long as it lasts. */
export class PostgresSession {
  readonly #client: pg.PoolClient
  readonly #stream: Writable | null
  /** Names of prepared statements by their text. With a schema for each actor there is no end of texts. */
  readonly #prepared = new Map<string, string>()
  readonly #seen = new Map<string, number>()
  #gathering = false

  constructor(client: pg.PoolClient) {
    this.#client = client
    this.#stream = streamOf(client)
  }

  async query(text: string, parameters?: readonly unknown[]): Promise<pg.QueryResult> {
    this.#gather()
    if (parameters === undefined) return this.#client.query(text)
    const name = parameters.length > MAX_PARAMETERS ? undefined : this.#nameOf(text)
    return this.#client.query({ text, values: [...parameters], ...(name === undefined ? {} : { name }) })
  }

  /** Sends what is asked for at the same time in one piece: on the way to the server, pieces cost more than bytes. */
  #gather(): void {
    if (this.#gathering || this.#stream === null) return
    this.#gathering = true
    this.#stream.cork()
    // Runs when all promises that can go on have done so.
    process.nextTick(() => {
      this.#gathering = false
      this.#stream?.uncork()
    })
  }

  #nameOf(text: string): string | undefined {
    const known = this.#prepared.get(text)
    if (known !== undefined || this.#prepared.size >= MAX_PREPARED) return known
    const times = (this.#seen.get(text) ?? 0) + 1
    if (times < PREPARE_AT) {
      if (this.#seen.size >= MAX_SEEN) this.#seen.clear()
      this.#seen.set(text, times)
      return undefined
    }
    this.#seen.delete(text)
    const name = `s${this.#prepared.size}`
    this.#prepared.set(text, name)
    return name
  }
}

/** The socket of a connection, which the driver keeps to itself. @returns null if it is not where it was */
function streamOf(client: pg.PoolClient): Writable | null {
  const connection: unknown = 'connection' in client ? client.connection : null
  if (typeof connection !== 'object' || connection === null || !('stream' in connection)) return null
  return connection.stream instanceof Writable ? connection.stream : null
}
