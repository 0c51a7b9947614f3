import { createHmac, timingSafeEqual } from 'node:crypto'
import { ANONYMOUS, parseCid, parseDid, type Did, type UserViewer, type Viewer } from 'stratos-core'
import { blobNotFound, type OpenBlob, type ReadBlobs } from './read-blobs.ts'

/** Who is enrolled, as of when. */
export interface MembershipsByEpoch {
  find(did: Did): Promise<{ readonly boundaries: ReadonlySet<string>; readonly epoch: number } | null>
}

export interface SignedBlobs {
  readonly expiresAtMs: number
  readonly tokens: readonly { readonly cid: string; readonly token: string }[]
}

/** What a token says: that this viewer, as enrolled at this epoch, asks for this blob, until then. */
interface Claim {
  readonly viewer: Did
  readonly epoch: number
  readonly owner: Did
  readonly cid: string
  readonly expiresAtMs: number
}

/**
 * Tokens with which a browser can load a blob where it cannot send a proof, as in an `<img>`. A token only says who asks:
 * whether they may read the blob is decided anew whenever it is used, so it ends with the record, the membership or the
 * enrollment of either side, and in any case after a short time.
 */
export class BlobUrls {
  readonly #blobs: Pick<ReadBlobs, 'open' | 'filter'>
  readonly #memberships: MembershipsByEpoch
  readonly #key: Uint8Array
  readonly #ttlMs: number
  readonly #nowMs: () => number

  constructor(options: {
    blobs: Pick<ReadBlobs, 'open' | 'filter'>
    memberships: MembershipsByEpoch
    /** The same on all instances. */
    key: Uint8Array
    ttlMs: number
    nowMs: () => number
  }) {
    this.#blobs = options.blobs
    this.#memberships = options.memberships
    this.#key = options.key
    this.#ttlMs = options.ttlMs
    this.#nowMs = options.nowMs
  }

  /** Makes tokens for those of the blobs that the viewer may read now. */
  async sign(viewer: UserViewer, owner: Did, cids: readonly string[]): Promise<SignedBlobs> {
    const expiresAtMs = this.#nowMs() + this.#ttlMs
    const membership = await this.#memberships.find(viewer.did)
    if (membership === null) return { expiresAtMs, tokens: [] }
    const { epoch } = membership
    const visible = await this.#blobs.filter(viewer, owner, [...new Set(cids)])
    const tokens = visible.map((cid) => ({
      cid,
      token: this.#encode({ viewer: viewer.did, epoch, owner, cid, expiresAtMs }),
    }))
    return { expiresAtMs, tokens }
  }

  /**
   * @param charge counts the read: of the viewer that the token names, or of nobody in particular if it is not one of ours
   * @throws {StratosError} `BlobNotFound`, whatever is wrong with the token; otherwise as `ReadBlobs.open`, or `charge`
   */
  async open(token: string, charge: (viewer: Viewer) => void): Promise<OpenBlob> {
    const claim = this.#decode(token)
    charge(claim === null ? ANONYMOUS : viewerOf(claim.viewer, new Set()))
    if (claim === null || claim.expiresAtMs <= this.#nowMs()) throw blobNotFound()
    const { viewer: did, epoch, owner, cid } = claim
    const membership = await this.#memberships.find(did)
    if (membership?.epoch !== epoch) throw blobNotFound()
    return this.#blobs.open(viewerOf(did, membership.boundaries), owner, cid)
  }

  #encode({ viewer, epoch, owner, cid, expiresAtMs }: Claim): string {
    const text = JSON.stringify([viewer, epoch, owner, cid, expiresAtMs])
    return `${Buffer.from(text).toString('base64url')}.${this.#mac(text).toString('base64url')}`
  }

  /** @returns null for anything but a token of ours */
  #decode(token: string): Claim | null {
    const [body = '', mac = ''] = token.split('.')
    const text = Buffer.from(body, 'base64url').toString()
    const [given, expected] = [Buffer.from(mac, 'base64url'), this.#mac(text)]
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null
    // Ours, so it has the shape that `#encode` gave it.
    const [viewer, epoch, owner, cid, expiresAtMs] = JSON.parse(text) as [
      string,
      number,
      string,
      string,
      number,
    ]
    return {
      viewer: parseDid(viewer),
      epoch,
      owner: parseDid(owner),
      cid: parseCid(cid).toString(),
      expiresAtMs,
    }
  }

  #mac(text: string): Buffer {
    return createHmac('sha256', this.#key).update(text).digest()
  }
}

function viewerOf(did: Did, boundaries: ReadonlySet<string>): UserViewer {
  return { kind: 'user', did, enrolled: true, boundaries }
}
