/**
 * Reads a whole stream, or gives up on one that is too long.
 *
 * @returns the bytes, or null when there are more than `maxBytes`; the rest is then not read
 */
export async function readAtMost(
  stream: ReadableStream<Uint8Array>,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const reader = stream.getReader()
  const chunks: Uint8Array[] = []
  let length = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    length += value.byteLength
    if (length > maxBytes) {
      await reader.cancel()
      return null
    }
    chunks.push(value)
  }
  const bytes = new Uint8Array(length)
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk, offset)
    offset += chunk.byteLength
  }
  return bytes
}

/** Reads a JSON object; null when the body is anything else or longer than `maxBytes`. */
export async function readJsonObject(
  response: Response,
  maxBytes: number,
): Promise<Record<string, unknown> | null> {
  if (response.body === null) return null
  const bytes = await readAtMost(response.body, maxBytes)
  if (bytes === null) return null
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder().decode(bytes))
  } catch (err) {
    if (err instanceof SyntaxError) return null
    throw err
  }
  return isJsonObject(value) ? value : null
}

export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
