/** Whether a request only reads by its HTTP method, in whichever case that is written. */
export function isReadMethod(init: RequestInit | undefined): boolean {
  return ['GET', 'HEAD'].includes(init?.method?.toUpperCase() ?? 'GET')
}
