import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Request } from 'express'

/** What this service remembers of an enrollment between leaving for the PDS and coming back. */
export interface Flow {
  /** Where to send the browser; null answers with JSON. */
  readonly returnUrl: string | null
  readonly cookie: string
  /** SHA-256 of the cookie's value, base64url. */
  readonly secretHash: string
}

const MAX_AGE_S = 600
const HOST_PREFIX = '__Host-'

/**
 * Begins a flow that only this browser can finish: whoever comes back must bring the cookie set now, so that nobody can
 * be made to finish somebody else's flow. Each flow has its own cookie, so flows in two tabs do not meet.
 */
export function beginFlow(returnUrl: URL | null, secure: boolean): { flow: Flow; setCookie: string } {
  const cookie = `${secure ? HOST_PREFIX : ''}stratos_flow_${randomBytes(6).toString('hex')}`
  const secret = randomBytes(32).toString('base64url')
  const flow = { returnUrl: returnUrl?.href ?? null, cookie, secretHash: hash('sha256', secret, 'base64url') }
  return { flow, setCookie: setCookie(cookie, secret, MAX_AGE_S, secure) }
}

export function clearFlowCookie(flow: Flow, secure: boolean): string {
  return setCookie(flow.cookie, '', 0, secure)
}

export function isSameBrowser(req: Request, flow: Flow): boolean {
  const secret = readCookie(req.headers.cookie ?? '', flow.cookie)
  if (secret === null) return false
  return timingSafeEqual(hash('sha256', secret, 'buffer'), Buffer.from(flow.secretHash, 'base64url'))
}

export function encodeFlow(flow: Flow): string {
  return JSON.stringify(flow)
}

export function decodeFlow(text: string): Flow {
  return JSON.parse(text) as Flow
}

function setCookie(name: string, value: string, maxAgeS: number, secure: boolean): string {
  // The prefix binds the cookie to this very host, so that no sibling of it can set one; it demands the path to be `/`.
  const place = secure ? 'Path=/; Secure' : 'Path=/oauth'
  const attributes = `${place}; Max-Age=${maxAgeS}; HttpOnly; SameSite=Lax`
  return `${name}=${value}; ${attributes}`
}

function readCookie(header: string, name: string): string | null {
  const found = header.split(';').find((pair) => pair.trimStart().startsWith(`${name}=`))
  return found === undefined ? null : found.trim().slice(name.length + 1)
}
