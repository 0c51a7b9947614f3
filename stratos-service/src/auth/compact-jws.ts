import { isUtf8 } from 'node:buffer'

/** Longest token or proof that is looked at, in characters. */
export const MAX_JWS_LENGTH = 8 * 1024

/** A JWS in compact serialization, taken apart. Nothing about it is verified. */
export interface CompactJws {
  /** The header as it was sent, still base64url. */
  readonly headerText: string
  readonly payloadText: string
  /** The bytes that were signed. */
  readonly signingInput: Buffer
  readonly signature: Buffer
}

const SHAPE = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/

/**
 * Takes a compact JWS apart: three parts, none empty, canonical base64url without padding.
 *
 * @returns null for anything else, and for more than `MAX_JWS_LENGTH` characters
 * @see https://www.rfc-editor.org/rfc/rfc7515#section-7.1
 */
export function parseCompactJws(text: string): CompactJws | null {
  if (text.length > MAX_JWS_LENGTH || !SHAPE.test(text)) return null
  const headerEnd = text.indexOf('.')
  const payloadEnd = text.lastIndexOf('.')
  const signature = decodeBase64url(text.slice(payloadEnd + 1))
  if (signature === null) return null
  return {
    headerText: text.slice(0, headerEnd),
    payloadText: text.slice(headerEnd + 1, payloadEnd),
    signingInput: Buffer.from(text.slice(0, payloadEnd), 'latin1'),
    signature,
  }
}

/** Decodes one part of a JWS. @returns null unless it is UTF-8 JSON text of an object */
export function parseJsonPart(part: string): Record<string, unknown> | null {
  const bytes = decodeBase64url(part)
  if (bytes === null || !isUtf8(bytes)) return null
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'))
    return isJsonObject(value) ? value : null
  } catch (err) {
    if (err instanceof SyntaxError) return null
    throw err
  }
}

export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A point in time as JWTs write it: whole seconds since 1970. */
export function isSeconds(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

/** `typ` without the prefix that RFC 7515 lets senders leave out. */
export function mediaType(typ: string): string {
  return typ.toLowerCase().replace(/^application\//, '')
}

/** @returns null unless `text` is exactly what encoding the bytes would give */
export function decodeBase64url(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : null
}
