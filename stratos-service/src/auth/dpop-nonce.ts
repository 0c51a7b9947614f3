import { createHmac, timingSafeEqual } from 'node:crypto'

const ROTATE_EVERY_MS = 60_000
const SECRET_BYTES = 32
const NONCE_BYTES = 16

/**
 * The nonces that this service gives out for DPoP proofs. They follow from a secret and the time, so nothing is stored and
 * all instances with the same secret agree.
 *
 * The one before the current nonce is still good, for a client that has just received it, and so is the one after it, for
 * an instance whose clock is a little behind.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9449#section-9
 */
export class DpopNonces {
  readonly #secret: Uint8Array
  readonly #nowMs: () => number
  #period = Number.NaN
  #current = ''
  #accepted: readonly Buffer[] = []

  /** @param secret 32 random bytes, shared by all instances */
  constructor(secret: Uint8Array, nowMs: () => number) {
    if (secret.byteLength !== SECRET_BYTES)
      throw new Error(`the nonce secret must have ${SECRET_BYTES} bytes`)
    this.#secret = secret
    this.#nowMs = nowMs
  }

  /** The nonce to send: base64url, 22 characters. */
  current(): string {
    this.#follow()
    return this.#current
  }

  /** Whether the nonce is the previous, the current or the next one. Takes the same time for each of them. */
  accepts(nonce: string): boolean {
    this.#follow()
    const given = Buffer.from(nonce)
    let matches = false
    for (const accepted of this.#accepted) {
      if (given.byteLength === accepted.byteLength && timingSafeEqual(given, accepted)) matches = true
    }
    return matches
  }

  #follow(): void {
    const period = Math.floor(this.#nowMs() / ROTATE_EVERY_MS)
    if (period === this.#period) return
    this.#period = period
    this.#current = this.#nonceOf(period)
    this.#accepted = [this.#nonceOf(period - 1), this.#current, this.#nonceOf(period + 1)].map((nonce) =>
      Buffer.from(nonce),
    )
  }

  #nonceOf(period: number): string {
    const mac = createHmac('sha256', this.#secret).update(`stratos dpop nonce ${period}`).digest()
    return mac.subarray(0, NONCE_BYTES).toString('base64url')
  }
}
