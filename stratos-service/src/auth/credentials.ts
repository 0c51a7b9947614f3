import { StratosError } from 'stratos-core'
import { MAX_JWS_LENGTH } from './compact-jws.ts'

/** What a request presents to say who sent it. Nothing of it is verified. */
export type Credential =
  { readonly scheme: 'none' } | { readonly scheme: 'bearer' | 'dpop' | 'basic'; readonly token: string }

/** One word, one space, one token68 (RFC 9110, section 11.4); a list or a parameter does not match. */
const AUTHORIZATION = /^([A-Za-z]+) ([A-Za-z0-9\-._~+/]+=*)$/

/**
 * Reads the `Authorization` header. The name of the scheme may be in any letter case.
 *
 * @param rawHeaders names and values in turn, as received, so that a repeated header is seen
 * @throws {StratosError} `AuthenticationRequired` if there is one that does not name exactly one credential
 */
export function readCredential(rawHeaders: readonly string[]): Credential {
  const [value, ...more] = headerValues(rawHeaders, 'authorization')
  if (value === undefined) return { scheme: 'none' }
  if (more.length > 0) throw refused('there must be one Authorization header only')
  if (value.length > MAX_JWS_LENGTH) throw refused('the Authorization header is too long')
  const [, name, token] = AUTHORIZATION.exec(value) ?? []
  if (name === undefined || token === undefined) throw refused('the Authorization header is malformed')
  const scheme = name.toLowerCase()
  if (scheme !== 'bearer' && scheme !== 'dpop' && scheme !== 'basic') {
    throw refused('use DPoP with a session key, or Bearer with a service token')
  }
  return { scheme, token }
}

/** All values of one header, in order. @param name in lower case */
export function headerValues(rawHeaders: readonly string[], name: string): string[] {
  const values: string[] = []
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const [header, value] = [rawHeaders[i], rawHeaders[i + 1]]
    if (header?.length === name.length && header.toLowerCase() === name) values.push(value ?? '')
  }
  return values
}

function refused(why: string): StratosError {
  return new StratosError('AuthenticationRequired', why)
}
