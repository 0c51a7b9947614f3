import { Readable } from 'node:stream'

export const JSON_TYPE = 'application/json; charset=utf-8'

/** The body of an answer that is put together already. Whoever makes one answers for its shape. */
export class PreparedBody {
  readonly encoding: string
  readonly bytes: Buffer

  constructor(encoding: string, bytes: Uint8Array) {
    this.encoding = encoding
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }
}

export function preparedJson(bytes: Uint8Array): PreparedBody {
  return new PreparedBody(JSON_TYPE, bytes)
}

/** A body that is made while it is sent, no faster than the other side takes it. */
export class StreamedBody {
  readonly encoding: string
  readonly stream: Readable

  /** @param close called once, however the answer ends, even if nothing of it was ever sent */
  constructor(encoding: string, chunks: AsyncIterable<Uint8Array>, close: () => void) {
    this.encoding = encoding
    this.stream = Readable.from(chunks, { objectMode: false, highWaterMark: 1 })
    this.stream.once('close', close)
  }
}
