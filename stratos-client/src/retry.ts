import { parseRetryAfter } from './service-error.ts'
import { isAbort, isNetworkFailure } from './network-failure.ts'
import { makeRepeatable } from './repeatable-request.ts'
import { isReadMethod } from './request-method.ts'
import type { FetchHandler } from './routing.ts'

/** How often and how patiently a request is repeated. */
export interface RetryOptions {
  /** Requests in all, the first one included; 4 by default, 1 repeats nothing. */
  attempts?: number
  /** Pause before the first repetition, in milliseconds; doubles each time and varies by half. 500 by default. */
  baseDelayMs?: number
  /** Longest pause, in milliseconds; a service that asks for more is answered by giving up. 30 s by default. */
  maxDelayMs?: number
  /** Pauses; a timer by default. Must reject when `signal` aborts. */
  wait?: (ms: number, signal: AbortSignal | undefined) => Promise<void>
}

/** Reads although it is sent by POST. */
const READING_PROCEDURES = ['/xrpc/zone.stratos.repo.hydrateRecords']

/**
 * Repeats requests that another attempt may help.
 *
 * What was refused before anything was done is always repeated: 429, and 401 with a new DPoP nonce. What may have been done
 * (no answer, 502, 503, 504) is repeated only if the request reads. Waits as long as `Retry-After` says, or longer each
 * time, with some chance in it so that clients do not come back together.
 *
 * @param handler takes absolute URLs
 * @param maxBufferedBytes longest streamed body that is kept for repeating
 */
export function withRetries(
  handler: FetchHandler,
  options: RetryOptions,
  maxBufferedBytes: number,
): FetchHandler {
  const { attempts = 4, baseDelayMs = 500, maxDelayMs = 30_000, wait = pause } = options

  return async (url, init) => {
    const request = await makeRepeatable(init, maxBufferedBytes)
    const signal = request?.signal ?? undefined
    const reads = isReading(url, request)
    for (let attempt = 1; ; attempt += 1) {
      const isLast = attempt >= attempts
      const backoffMs = Math.min(maxDelayMs, baseDelayMs * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2)
      let response: Response
      try {
        response = await handler(url, request)
      } catch (err) {
        if (isLast || !reads || isAbort(err) || !isNetworkFailure(err)) throw err
        await wait(backoffMs, signal)
        continue
      }
      const delayMs = isLast ? null : delayBefore(response, reads, backoffMs)
      if (delayMs === null || delayMs > maxDelayMs) return response
      await response.body?.cancel()
      await wait(delayMs, signal)
    }
  }
}

/** @returns how long to wait before repeating; null if that must not be, or would not help */
function delayBefore(response: Response, reads: boolean, backoffMs: number): number | null {
  const { status, headers } = response
  if (status === 401) return headers.get('www-authenticate')?.includes('error="use_dpop_nonce"') ? 0 : null
  const mayRepeat = status === 429 || (reads && [502, 503, 504].includes(status))
  if (!mayRepeat) return null
  const askedMs = parseRetryAfter(headers.get('retry-after'))
  // A little later than asked: whoever was refused together would come back together.
  return askedMs === null ? backoffMs : askedMs + Math.random() * Math.min(askedMs, 1000)
}

function isReading(url: string, init: RequestInit | undefined): boolean {
  return isReadMethod(init) || READING_PROCEDURES.includes(new URL(url).pathname)
}

/** Resolves after `ms`; rejects with the signal's reason when it aborts. */
export function pause(ms: number, signal?: AbortSignal | null): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason)
    const abort = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort)
      resolve()
    }, ms)
    signal?.addEventListener('abort', abort, { once: true })
  })
}
