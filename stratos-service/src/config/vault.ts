/**
 * Private keys and tokens at rest. With a master key they are kept sealed: AES-256-GCM, bound to the place where they are
 * kept, so that neither a copy of the database nor exchanging two of its rows helps anybody. The master key itself is
 * kept nowhere.
 *
 * A sealed secret is `magic ‖ key id ‖ nonce ‖ ciphertext ‖ tag` of 8, 8, 12, n and 16 bytes. Secrets in clear are 32
 * bytes of key, or JSON, neither of which begins with the magic.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

export interface MasterKeys {
  /** 32 bytes; null keeps secrets in clear. */
  readonly current: Uint8Array | null
  /** Earlier ones, which may still be needed to open what they sealed. */
  readonly previous: readonly Uint8Array[]
}

export const NO_MASTER_KEYS: MasterKeys = { current: null, previous: [] }

/** In which form a secret is kept: in clear, or the id of the key that sealed it, 16 hexadecimal digits. */
export type SecretForm = string
export const CLEAR: SecretForm = 'clear'

const MAGIC = Buffer.from('stratos\x01', 'latin1')
const KEY_ID_BYTES = 8
const NONCE_BYTES = 12
const TAG_BYTES = 16
const HEADER_BYTES = MAGIC.length + KEY_ID_BYTES
const TEXT_PREFIX = 'sealed:'

/** A secret cannot be opened: its master key is not here, or it was tampered with or put into another place. */
export class SealedError extends Error {
  override name = 'SealedError'
}

export class Vault {
  readonly #keys: ReadonlyMap<SecretForm, Buffer>
  /** The form in which secrets are written. */
  readonly form: SecretForm

  constructor({ current, previous }: MasterKeys) {
    const all = current === null ? previous : [current, ...previous]
    this.#keys = new Map(all.map((master) => [idOf(master), derive(master, 'seal', 32)]))
    this.form = current === null ? CLEAR : idOf(current)
  }

  canOpen(form: SecretForm): boolean {
    return form === CLEAR || this.#keys.has(form)
  }

  /** @param place what the secret is and whose, such as `actor-key:did:plc:…`; the same is needed to open it */
  seal(secret: Uint8Array, place: string): Uint8Array {
    const key = this.#keys.get(this.form)
    if (key === undefined) return secret
    const header = Buffer.concat([MAGIC, Buffer.from(this.form, 'hex')])
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(boundTo(header, place))
    const sealed = [cipher.update(secret), cipher.final()]
    return Buffer.concat([header, nonce, ...sealed, cipher.getAuthTag()])
  }

  /**
   * @param kept as `seal` returned it, or in clear
   * @throws {SealedError}
   */
  open(kept: Uint8Array, place: string): Uint8Array {
    const form = formOf(kept)
    if (form === CLEAR) return kept
    const key = this.#keys.get(form)
    if (key === undefined)
      throw new SealedError(`${place} is sealed with master key ${form}, which is not set`)
    const header = kept.subarray(0, HEADER_BYTES)
    const nonce = kept.subarray(HEADER_BYTES, HEADER_BYTES + NONCE_BYTES)
    try {
      const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
      decipher.setAAD(boundTo(header, place)).setAuthTag(kept.subarray(kept.length - TAG_BYTES))
      const sealed = kept.subarray(HEADER_BYTES + NONCE_BYTES, kept.length - TAG_BYTES)
      return Buffer.concat([decipher.update(sealed), decipher.final()])
    } catch (err) {
      throw new SealedError(`${place} was changed or belongs to another place`, { cause: err })
    }
  }

  sealText(secret: string, place: string): string {
    if (this.form === CLEAR) return secret
    return TEXT_PREFIX + Buffer.from(this.seal(Buffer.from(secret), place)).toString('base64url')
  }

  /** @throws {SealedError} */
  openText(kept: string, place: string): string {
    const sealed = sealedBytesOf(kept)
    return sealed === null ? kept : Buffer.from(this.open(sealed, place)).toString()
  }
}

export function formOf(kept: Uint8Array): SecretForm {
  const isSealed =
    kept.length >= HEADER_BYTES + NONCE_BYTES + TAG_BYTES && MAGIC.equals(kept.subarray(0, MAGIC.length))
  return isSealed ? Buffer.from(kept.subarray(MAGIC.length, HEADER_BYTES)).toString('hex') : CLEAR
}

export function formOfText(kept: string): SecretForm {
  const sealed = sealedBytesOf(kept)
  return sealed === null ? CLEAR : formOf(sealed)
}

function sealedBytesOf(kept: string): Buffer | null {
  return kept.startsWith(TEXT_PREFIX) ? Buffer.from(kept.slice(TEXT_PREFIX.length), 'base64url') : null
}

function idOf(master: Uint8Array): SecretForm {
  return derive(master, 'id', KEY_ID_BYTES).toString('hex')
}

/** Two keys from one: what identifies the master key says nothing of what seals (RFC 5869). */
function derive(master: Uint8Array, purpose: string, bytes: number): Buffer {
  return Buffer.from(hkdfSync('sha256', master, '', `stratos master key: ${purpose}`, bytes))
}

function boundTo(header: Uint8Array, place: string): Buffer {
  return Buffer.concat([header, Buffer.from(place)])
}
