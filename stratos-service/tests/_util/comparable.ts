import type { Answer } from 'test-network'

const DIFFERING = ['date', 'x-request-id', 'dpop-nonce', 'ratelimit-remaining', 'ratelimit-reset']

/** Everything of an answer but what differs between any two. */
export function comparable({ status, headers, bytes }: Answer) {
  const rest = Object.entries(headers).filter(([name]) => !DIFFERING.includes(name))
  return { status, headers: rest, text: bytes.toString('utf8') }
}
