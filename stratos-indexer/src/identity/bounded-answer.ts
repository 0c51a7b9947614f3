import { fetchMaxSizeProcessor } from '@atproto-labs/fetch-node'

/** A page of a list with a thousand entries is a tenth of it. */
const MAX_JSON_BYTES = 4 * 1024 * 1024

const bounded = fetchMaxSizeProcessor(MAX_JSON_BYTES)

/** Reads an answer as JSON, up to 4 MiB. @throws {Error} if it is longer, or no JSON */
export async function readJson(answer: Response): Promise<unknown> {
  return (await bounded(answer)).json()
}

/** Reads an answer as text. @throws {Error} if it is longer than 4 MiB */
export async function readText(answer: Response): Promise<string> {
  return (await bounded(answer)).text()
}
