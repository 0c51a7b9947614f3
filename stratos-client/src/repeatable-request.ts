import { readAtMost } from './bounded-body.ts'
import { StratosClientError } from './errors.ts'

/**
 * Makes a request that can be sent more than once: a streamed body is read into memory, anything else is kept.
 *
 * @throws {StratosClientError} `BodyTooLarge` if a stream holds more than `maxBytes`; pass a `Blob` instead
 */
export async function makeRepeatable(
  init: RequestInit | undefined,
  maxBytes: number,
): Promise<RequestInit | undefined> {
  if (!(init?.body instanceof ReadableStream)) return init
  const body = await readAtMost(init.body, maxBytes)
  if (body === null) {
    throw new StratosClientError('BodyTooLarge', `a streamed body may hold at most ${maxBytes} bytes`)
  }
  return { ...init, body }
}
