/** Parsers for environment values. Each throws an `Error` whose message completes the sentence "NAME …". */
export type Reader<T> = (raw: string) => T

export const text: Reader<string> = (raw) => raw

export function boolean(raw: string): boolean {
  if (raw === 'true') return true
  if (raw === 'false') return false
  throw new Error(`must be "true" or "false", got "${raw}"`)
}

export function integer(min: number, max: number): Reader<number> {
  return (raw) => {
    const value = /^\d{1,15}$/.test(raw) ? Number(raw) : Number.NaN
    if (value >= min && value <= max) return value
    throw new Error(`must be a whole number from ${min} to ${max}, got "${raw}"`)
  }
}

export function oneOf<const T extends string>(...allowed: readonly T[]): Reader<T> {
  return (raw) => {
    const found = allowed.find((value) => value === raw)
    if (found !== undefined) return found
    throw new Error(`must be one of ${allowed.join(', ')}, got "${raw}"`)
  }
}

/** 32 bytes in hexadecimal. What was given is not repeated in the error: it may be nearly right. */
export function key(raw: string): Uint8Array {
  if (/^[0-9a-f]{64}$/i.test(raw)) return Buffer.from(raw, 'hex')
  throw new Error('must be 64 hexadecimal digits, as `openssl rand -hex 32` prints them')
}

export function keys(raw: string): readonly Uint8Array[] {
  return list(raw).map(key)
}

/** Comma-separated; entries are trimmed, empty ones dropped. */
export function list(raw: string): readonly string[] {
  return raw
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
}

/** An http or https URL, returned without a trailing slash. */
export function url(raw: string): string {
  const parsed = URL.parse(raw)
  if (parsed === null || !/^https?:$/.test(parsed.protocol))
    throw new Error(`must be an http(s) URL, got "${raw}"`)
  if (parsed.username !== '' || parsed.password !== '') throw new Error('must not contain credentials')
  return parsed.href.replace(/\/$/, '')
}

/** A URL that consists of an origin alone: scheme, host and port. */
export function origin(raw: string): string {
  const value = url(raw)
  if (new URL(value).origin !== value) throw new Error(`must have no path, query or fragment, got "${raw}"`)
  return value
}

export function origins(raw: string): readonly string[] {
  return list(raw).map(origin)
}

/** An address that ioredis takes; a socket is written `unix:///path`. */
export function valkeyUrl(raw: string): string {
  if (/^rediss?:$/.test(URL.parse(raw)?.protocol ?? '')) return raw
  if (/^unix:\/\/\/.+/.test(raw)) return raw.slice('unix://'.length)
  throw new Error('must be a redis://, rediss:// or unix:// address')
}
