import type { PieceSpool } from 'stratos-core'
import { TemporaryFile } from './temporary-file.ts'

const LENGTH_BYTES = 4

/** Opens a spool of pieces in a file below `directory` which has no name. */
export async function openPieceFile(directory: string): Promise<PieceSpool> {
  return new PieceFile(await TemporaryFile.open(directory))
}

/** Each piece after its length. */
class PieceFile implements PieceSpool {
  readonly #file: TemporaryFile

  constructor(file: TemporaryFile) {
    this.#file = file
  }

  async put(piece: Uint8Array): Promise<void> {
    const length = Buffer.allocUnsafe(LENGTH_BYTES)
    length.writeUInt32BE(piece.length)
    this.#file.add(length)
    this.#file.add(piece)
    await this.#file.write()
  }

  async seal(): Promise<void> {
    await this.#file.seal()
  }

  *pieces(): Generator<Uint8Array> {
    const length = Buffer.allocUnsafe(LENGTH_BYTES)
    for (let at = 0; at < this.#file.length;) {
      this.#file.read(length, at)
      const piece = Buffer.allocUnsafeSlow(length.readUInt32BE())
      this.#file.read(piece, at + LENGTH_BYTES)
      yield piece
      at += LENGTH_BYTES + piece.length
    }
  }

  async close(): Promise<void> {
    await this.#file.close()
  }
}
