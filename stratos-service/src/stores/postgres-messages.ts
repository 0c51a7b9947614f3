/** What a parameter is on the way to Postgres: text in the form that Postgres reads, bytes as they are. */
export type WireValue = string | Uint8Array | null

const FIRST_BYTES = 16 * 1024
const KEEP_BYTES = 256 * 1024
const MAX_BYTES_PER_UTF16_UNIT = 3

/** @throws {TypeError} for what no column holds */
export function toWireValue(value: unknown): WireValue {
  switch (typeof value) {
    case 'string':
      return value
    case 'number':
    case 'bigint':
    case 'boolean':
      return String(value)
    case 'undefined':
      return null
  }
  if (value === null || value instanceof Uint8Array) return value
  throw new TypeError('a parameter of a statement is neither text, a number, a boolean nor bytes')
}

/**
 * Messages to a Postgres server, one behind the other in one piece: on the way to a server pieces cost more than bytes.
 *
 * @see https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
export class MessageWriter {
  #buffer = Buffer.allocUnsafe(FIRST_BYTES)
  #end = 0

  /** @param statement a name; empty for the statement that the next one replaces */
  parse(statement: string, text: string): void {
    const start = this.#begin('P')
    this.#cstring(statement)
    this.#cstring(text)
    // The server finds out the types of parameters.
    this.#int16(0)
    this.#finish(start)
  }

  /** All results are asked for as text. */
  bind(statement: string, values: readonly WireValue[]): void {
    const start = this.#begin('B')
    this.#cstring('')
    this.#cstring(statement)
    this.#int16(values.length)
    for (const value of values) this.#int16(value instanceof Uint8Array ? 1 : 0)
    this.#int16(values.length)
    for (const value of values) this.#value(value)
    this.#int16(0)
    this.#finish(start)
  }

  /** Asks what the rows of the statement that was bound last are made of. */
  describe(): void {
    const start = this.#begin('D')
    this.#cstring('P')
    this.#finish(start)
  }

  execute(): void {
    const start = this.#begin('E')
    this.#cstring('')
    // However many rows there are.
    this.#int32(0)
    this.#finish(start)
  }

  /** Forgets a prepared statement, also one that there is not. */
  closeStatement(statement: string): void {
    const start = this.#begin('C')
    this.#cstring(`S${statement}`)
    this.#finish(start)
  }

  sync(): void {
    this.#finish(this.#begin('S'))
  }

  /** Gives what was written, and begins anew. */
  take(): Buffer {
    const taken = Buffer.copyBytesFrom(this.#buffer, 0, this.#end)
    this.#end = 0
    if (this.#buffer.length > KEEP_BYTES) this.#buffer = Buffer.allocUnsafe(FIRST_BYTES)
    return taken
  }

  #begin(code: string): number {
    this.#ensure(5)
    this.#buffer[this.#end] = code.charCodeAt(0)
    const start = this.#end + 1
    this.#end += 5
    return start
  }

  #finish(start: number): void {
    this.#buffer.writeInt32BE(this.#end - start, start)
  }

  #value(value: WireValue): void {
    if (value === null) return this.#int32(-1)
    const length = typeof value === 'string' ? value.length * MAX_BYTES_PER_UTF16_UNIT : value.byteLength
    this.#ensure(4 + length)
    const start = this.#end
    this.#end += 4
    if (typeof value === 'string') this.#end += this.#buffer.write(value, this.#end, 'utf8')
    else {
      this.#buffer.set(value, this.#end)
      this.#end += length
    }
    this.#buffer.writeInt32BE(this.#end - start - 4, start)
  }

  #cstring(text: string): void {
    this.#ensure(text.length * MAX_BYTES_PER_UTF16_UNIT + 1)
    this.#end += this.#buffer.write(text, this.#end, 'utf8')
    this.#buffer[this.#end] = 0
    this.#end += 1
  }

  #int16(value: number): void {
    this.#ensure(2)
    // Unsigned to the server, where it counts parameters.
    this.#end = this.#buffer.writeUInt16BE(value, this.#end)
  }

  #int32(value: number): void {
    this.#ensure(4)
    this.#end = this.#buffer.writeInt32BE(value, this.#end)
  }

  #ensure(bytes: number): void {
    const needed = this.#end + bytes
    if (needed <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2))
    this.#buffer.copy(larger, 0, 0, this.#end)
    this.#buffer = larger
  }
}
