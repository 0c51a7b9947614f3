import type { ChunkMemory } from 'stratos-core'

/** A few buffers in turn. */
export class ChunkRing implements ChunkMemory {
  readonly #buffers: Buffer[]
  #next = 0

  /** @param chunks how many stay as they are */
  constructor(chunks: number) {
    this.#buffers = Array.from({ length: chunks }, () => Buffer.alloc(0))
  }

  take(bytes: number): Buffer {
    const place = this.#next
    this.#next = (place + 1) % this.#buffers.length
    const known = this.#buffers[place]
    if (known !== undefined && known.length >= bytes) return known.subarray(0, bytes)
    const made = Buffer.allocUnsafeSlow(bytes)
    this.#buffers[place] = made
    return made
  }
}
