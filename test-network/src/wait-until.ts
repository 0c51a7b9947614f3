import { setTimeout as pause } from 'node:timers/promises'

const PAUSE_MS = 40

/**
 * Asks again and again until `holds` answers true.
 *
 * @throws {Error} `${what} took longer than …` after `timeoutMs`; whatever `holds` throws
 */
export async function waitUntil(
  what: string,
  holds: () => Promise<boolean> | boolean,
  timeoutMs = 20_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`${what} took longer than ${timeoutMs / 1000} s`)
    await pause(PAUSE_MS)
  }
}

/** Whether a GET of `url` is answered with 200; an unreachable server counts as no. */
export async function answersOk(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) })
    await response.body?.cancel()
    return response.status === 200
  } catch (err) {
    // fetch reports every network failure as TypeError, and its timeout as TimeoutError.
    if (err instanceof TypeError || (err instanceof DOMException && err.name === 'TimeoutError')) return false
    throw err
  }
}
