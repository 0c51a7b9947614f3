import pg from 'pg'
import { MessageWriter, type WireValue } from './postgres-messages.ts'

/** What a connection knows of a statement that comes often. */
export interface Prepared {
  readonly name: string
  /** What its rows are made of; null as long as it is not certain that the server has prepared it. */
  columns: readonly Column[] | null
}

interface Column {
  readonly name: string
  readonly parse: (text: string) => unknown
}

export interface Answer {
  /** Such as `INSERT`. */
  readonly command: string
  /** How many rows were found or changed; 0 where that says nothing. */
  readonly rowCount: number
  readonly rows: Record<string, unknown>[]
}

/** One of the statements of a batch, and who waits for it. */
export interface Asked {
  readonly text: string
  readonly values: readonly WireValue[]
  /** null for one that is not worth preparing. */
  readonly prepared: Prepared | null
  readonly resolve: (answer: Answer) => void
  readonly reject: (err: Error) => void
}

// Empty whenever somebody else comes to use it.
const WRITER = new MessageWriter()

/**
 * Statements that go to the server in one piece and are answered in one piece. The driver sends each as a query of its own,
 * of five messages, and the server answers each with a packet; where there are ten to a transaction that is most of what
 * they cost, on both sides.
 *
 * They are carried out in order. Behind one that fails the server skips the others, which are then rejected with the same
 * error; so they belong to one transaction, which has failed with any of them.
 *
 * Built on what the driver offers to queries of other makes.
 *
 * @see https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-PIPELINING
 */
export class PostgresBatch extends pg.Query {
  readonly #asked: readonly Asked[]
  readonly #typeParsers: pg.CustomTypesConfig
  readonly #answers: Answer[] = []
  #columns: readonly Column[] | null = null
  #rows: Answer['rows'] = []
  #settled = false
  /** Replaced by the driver, which measures the time until it is called. */
  callback: (err: Error | null) => void = () => undefined

  constructor(asked: readonly Asked[], typeParsers: pg.CustomTypesConfig) {
    super({ text: '' })
    this.#asked = asked
    this.#typeParsers = typeParsers
  }

  override submit = ({ stream }: pg.Connection): null => {
    for (const { text, values, prepared } of this.#asked) {
      const name = prepared?.name ?? ''
      const known = prepared !== null && prepared.columns !== null
      // It may be there all the same: the server prepares a statement before it finds that it cannot run it.
      if (prepared !== null && !known) WRITER.closeStatement(name)
      if (!known) WRITER.parse(name, text)
      WRITER.bind(name, values)
      if (!known) WRITER.describe()
      WRITER.execute()
    }
    WRITER.sync()
    const bytes = WRITER.take()
    if (stream.writable) stream.write(bytes)
    return null
  }

  handleRowDescription({ fields }: { fields: readonly pg.FieldDef[] }): void {
    this.#columns = fields.map(({ name, dataTypeID }) => ({
      name,
      parse: this.#typeParsers.getTypeParser(dataTypeID, 'text'),
    }))
  }

  handleDataRow({ fields }: { fields: readonly (string | null)[] }): void {
    const columns = this.#columns ?? this.#current?.prepared?.columns ?? []
    try {
      this.#rows.push(rowOf(columns, fields))
    } catch (err) {
      this.#settle(err instanceof Error ? err : new Error('a row cannot be read', { cause: err }))
    }
  }

  handleCommandComplete({ text }: { text: string }): void {
    const prepared = this.#current?.prepared ?? null
    if (prepared !== null) prepared.columns ??= this.#columns ?? []
    const words = text.split(' ')
    const rowCount = words.length > 1 ? Number(words.at(-1)) : 0
    this.#answers.push({ command: words[0] ?? '', rowCount, rows: this.#rows })
    this.#columns = null
    this.#rows = []
  }

  handleReadyForQuery(): void {
    this.#settle(null)
  }

  handleError(err: Error): void {
    this.#settle(err)
  }

  get #current(): Asked | undefined {
    return this.#asked[this.#answers.length]
  }

  #settle(err: Error | null): void {
    if (this.#settled) return
    this.#settled = true
    // An error behind the last answer comes of the end of a transaction that was none but the statement.
    const answers = err !== null && this.#answers.length === this.#asked.length ? [] : this.#answers
    for (const [index, { resolve, reject }] of this.#asked.entries()) {
      const answer = answers[index]
      if (answer !== undefined) resolve(answer)
      else reject(err ?? new Error('Postgres did not answer a statement'))
    }
    this.callback(err)
  }
}

function rowOf(columns: readonly Column[], fields: readonly (string | null)[]): Record<string, unknown> {
  const row: Record<string, unknown> = {}
  for (const [index, { name, parse }] of columns.entries()) {
    const text = fields[index] ?? null
    row[name] = text === null ? null : parse(text)
  }
  return row
}
