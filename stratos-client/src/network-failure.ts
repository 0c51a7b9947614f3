/**
 * Whether a request got no answer at all.
 *
 * `fetch` fails with a TypeError and a timeout with a DOMException; OAuth sessions wrap either in an error of their own.
 */
export function isNetworkFailure(error: unknown): boolean {
  return isFetchFailure(error) || (error instanceof Error && isFetchFailure(error.cause))
}

function isFetchFailure(error: unknown): boolean {
  return error instanceof TypeError || error instanceof DOMException
}

/** Whether the caller gave up; a timeout is not that. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError'
}
