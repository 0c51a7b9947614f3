import { setImmediate } from 'node:timers/promises'

/** Work between two turns, in bytes: some milliseconds of decoding and checking. */
const BYTES_PER_TURN = 128 * 1024
/** What a small piece costs beside its bytes. */
const BYTES_PER_PIECE = 2 * 1024

/** Lets other requests have their turn during long work, however large or small its pieces are. */
export class Turns {
  #doneBytes = 0

  /** To be called after each piece of the work. */
  async after(bytes: number): Promise<void> {
    this.#doneBytes += bytes + BYTES_PER_PIECE
    if (this.#doneBytes < BYTES_PER_TURN) return
    this.#doneBytes = 0
    await setImmediate()
  }
}
