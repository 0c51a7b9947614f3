import { createHmac, timingSafeEqual } from 'node:crypto'
import { StratosError, type Viewer } from 'stratos-core'

const MAC_BYTES = 16

/**
 * Cursors that say where a listing goes on and are good for that listing and that viewer alone: whoever has one learns
 * nothing from it, and can do nothing else with it.
 */
export class PageCursors {
  readonly #secret: Uint8Array

  /** @param secret the same on all instances, and after a restart */
  constructor(secret: Uint8Array) {
    this.#secret = secret
  }

  /**
   * @param listing names what is listed, and whatever else must be the same on the next page
   * @param position of the last entry shown
   */
  seal(viewer: Viewer, listing: readonly string[], position: string): string {
    return Buffer.concat([this.#mac(viewer, listing, position), Buffer.from(position)]).toString('base64url')
  }

  /**
   * @returns the position
   * @throws {StratosError} `InvalidRequest` for anything that `seal` did not make for this viewer and this listing
   */
  open(viewer: Viewer, listing: readonly string[], cursor: string): string {
    const bytes = Buffer.from(cursor, 'base64url')
    const position = bytes.subarray(MAC_BYTES).toString()
    const mac = bytes.subarray(0, MAC_BYTES)
    const expected = this.#mac(viewer, listing, position)
    // Also another spelling of the same bytes is none of ours.
    const ours = mac.length === MAC_BYTES && bytes.toString('base64url') === cursor
    if (!ours || !timingSafeEqual(mac, expected)) {
      throw new StratosError('InvalidRequest', 'this cursor does not belong to this listing')
    }
    return position
  }

  #mac(viewer: Viewer, listing: readonly string[], position: string): Buffer {
    const who = 'did' in viewer ? viewer.did : ''
    const text = JSON.stringify([viewer.kind, who, ...listing, position])
    return createHmac('sha256', this.#secret).update(text).digest().subarray(0, MAC_BYTES)
  }
}
