const HTTP_URI = /^(https?):\/\/([^/?#@]+)(\/[^?#]*)?(?:[?#]|$)/i
const VISIBLE_ASCII = /^[!-~]+$/
const DEFAULT_PORT: Readonly<Record<string, string>> = { http: '80', https: '443' }
const UNRESERVED = /[A-Za-z0-9\-._~]/

/**
 * Whether two http(s) URIs name the same resource, query and fragment aside. Only spellings that RFC 3986 declares
 * equivalent count as equal: letter case of scheme and host, the default port, percent-encoded unreserved characters, dot
 * segments, and an empty path for `/`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc3986#section-6.2.2
 */
export function isSameResource(a: string, b: string): boolean {
  if (a === b) return true
  const normalized = normalizeHttpUri(a)
  return normalized !== null && normalized === normalizeHttpUri(b)
}

/** @returns null for what is not an absolute http(s) URI, or carries user information */
function normalizeHttpUri(text: string): string | null {
  // Letters beyond ASCII could turn into others when they are lower-cased.
  if (!VISIBLE_ASCII.test(text)) return null
  const [, scheme, authority, path = '/'] = HTTP_URI.exec(text) ?? []
  if (scheme === undefined || authority === undefined) return null
  const lowerScheme = scheme.toLowerCase()
  const host = authority.toLowerCase().replace(/:(\d*)$/, (port, digits: string) => {
    return digits === '' || digits === DEFAULT_PORT[lowerScheme] ? '' : port
  })
  return `${lowerScheme}://${host}${removeDotSegments(normalizeEscapes(path))}`
}

function normalizeEscapes(path: string): string {
  return path.replace(/%[0-9A-Fa-f]{2}/g, (escape) => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16))
    return UNRESERVED.test(character) ? character : escape.toUpperCase()
  })
}

function removeDotSegments(path: string): string {
  const kept: string[] = []
  const segments = path.split('/').slice(1)
  for (const [index, segment] of segments.entries()) {
    if (segment === '..') kept.pop()
    if (segment !== '.' && segment !== '..') kept.push(segment)
    else if (index === segments.length - 1) kept.push('')
  }
  return `/${kept.join('/')}`
}
