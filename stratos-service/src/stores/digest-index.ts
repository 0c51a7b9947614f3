/** What is tried first, in slots. */
const START_CAPACITY = 1024
const EMPTY = -1

/**
 * Where things are, by SHA-256, in 16 bytes of memory for each slot. Looks at the first 64 bits of a digest only: whoever
 * finds something has to compare the rest.
 */
export class DigestIndex {
  #size = 0
  #slots = slots(START_CAPACITY)

  get size(): number {
    return this.#size
  }

  /** @returns false if the digest has a place already, which it keeps */
  add(digest: Uint8Array, place: number): boolean {
    if (this.#size * 2 >= this.#slots.places.length) this.#grow()
    const [high, low] = keyOf(digest)
    const slot = slotOf(this.#slots, high, low)
    if (this.#slots.places[slot] !== EMPTY) return false
    fill(this.#slots, slot, high, low, place)
    this.#size += 1
    return true
  }

  find(digest: Uint8Array): number | null {
    const place = this.#slots.places[slotOf(this.#slots, ...keyOf(digest))] ?? EMPTY
    return place === EMPTY ? null : place
  }

  #grow(): void {
    const { high, low, places } = this.#slots
    const larger = slots(places.length * 2)
    for (let index = 0; index < places.length; index += 1) {
      const place = places[index] ?? EMPTY
      if (place === EMPTY) continue
      const [first, second] = [high[index] ?? 0, low[index] ?? 0]
      fill(larger, slotOf(larger, first, second), first, second, place)
    }
    this.#slots = larger
  }
}

interface Slots {
  readonly high: Uint32Array
  readonly low: Uint32Array
  readonly places: Float64Array
}

function slots(capacity: number): Slots {
  const places = new Float64Array(capacity).fill(EMPTY)
  return { high: new Uint32Array(capacity), low: new Uint32Array(capacity), places }
}

function fill(into: Slots, slot: number, high: number, low: number, place: number): void {
  into.high[slot] = high
  into.low[slot] = low
  into.places[slot] = place
}

/** The slot that holds the key, or the empty one where it belongs. */
function slotOf({ high, low, places }: Slots, first: number, second: number): number {
  const mask = places.length - 1
  let slot = second & mask
  while (places[slot] !== EMPTY && (high[slot] !== first || low[slot] !== second)) slot = (slot + 1) & mask
  return slot
}

function keyOf(digest: Uint8Array): [high: number, low: number] {
  const view = new DataView(digest.buffer, digest.byteOffset, digest.byteLength)
  return [view.getUint32(0), view.getUint32(4)]
}
