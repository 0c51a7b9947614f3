import { Writable } from 'node:stream'
import type pg from 'pg'

/** A statement that comes so often on one connection is worth preparing. */
const PREPARE_AT = 3
const MAX_PREPARED = 200
const MAX_SEEN = 1_000
/** More parameters are those of a list of some length, which does not come again soon. */
const MAX_PARAMETERS = 60

export interface Answer {
  /** Such as `INSERT`. */
  readonly command: string
  /** How many rows were found or changed; null where that says nothing. */
  readonly rowCount: number | null
  readonly rows: Record<string, unknown>[]
}

/** A statement, and who waits for it. */
interface Asked {
  readonly statement: pg.QueryConfig
  readonly settle: (answer: Promise<Answer>) => void
}

/** What is remembered of a connection to the server for as long as it lasts. */
export class PostgresSession {
  readonly #client: pg.PoolClient
  readonly #stream: Writable | null
  /** Names of prepared statements by their text. With a schema for each actor there is no end of texts. */
  readonly #prepared = new Map<string, string>()
  readonly #seen = new Map<string, number>()
  #gathered: Asked[] = []
  #last: { readonly asked: Asked; readonly wanted: () => boolean } | null = null
  #scheduled = false

  constructor(client: pg.PoolClient) {
    this.#client = client
    this.#stream = streamOf(client)
  }

  /**
   * Statements that are asked for at the same time go together: on the way to the server, pieces cost more than bytes.
   *
   * @throws {TypeError} at once for a parameter that cannot be sent: the commit behind it must not be either
   */
  async query(text: string, parameters: readonly unknown[] = []): Promise<Answer> {
    const values = parameters.map(assertSendable)
    return new Promise((settle) => {
      this.#gathered.push({ statement: this.#statementOf(text, values), settle })
      this.#schedule()
    })
  }

  /** Adds a statement behind all that are asked for at the same time, if it is still wanted when they are sent. */
  async queryLast(text: string, wanted: () => boolean): Promise<Answer> {
    return new Promise((settle) => {
      this.#last = { asked: { statement: this.#statementOf(text, []), settle }, wanted }
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
    const last = this.#last
    const asked = this.#gathered
    this.#gathered = []
    this.#last = null
    if (last?.wanted() === true) asked.push(last.asked)
    else last?.asked.settle(Promise.reject(new Error('a statement is not wanted any more')))
    this.#stream?.cork()
    for (const { statement, settle } of asked) settle(this.#client.query<Record<string, unknown>>(statement))
    this.#stream?.uncork()
  }

  #statementOf(text: string, values: unknown[]): pg.QueryConfig {
    const name = values.length > MAX_PARAMETERS ? undefined : this.#nameOf(text)
    return { text, values, ...(name === undefined ? {} : { name }) }
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

function assertSendable(value: unknown): unknown {
  const kept = ['string', 'number', 'bigint', 'boolean', 'undefined'].includes(typeof value)
  if (kept || value === null || value instanceof Uint8Array) return value
  throw new TypeError('a parameter of a statement is neither text, a number, a boolean nor bytes')
}

/** The socket of a connection, which the driver keeps to itself. @returns null if it is not where it was */
function streamOf(client: pg.PoolClient): Writable | null {
  const connection: unknown = 'connection' in client ? client.connection : null
  if (typeof connection !== 'object' || connection === null || !('stream' in connection)) return null
  return connection.stream instanceof Writable ? connection.stream : null
}
