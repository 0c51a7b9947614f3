import { StratosError } from 'stratos-core'

const LOOPBACK_HOSTS = new Set(['localhost', '127.0.0.1', '[::1]'])
const MAX_LENGTH = 2_048

export interface ReturnPolicy {
  readonly publicUrl: string
  /** Whether this service itself is on loopback. */
  readonly loopback: boolean
  readonly allowedOrigins: ReadonlySet<string>
}

/**
 * Checks where a browser may be sent after enrollment: to this service, to an origin that the operator lists, and on a
 * local network to any loopback address. Anything else would make this service an open redirect.
 *
 * @throws {StratosError} `InvalidRequest`
 */
export function parseReturnUrl(raw: string, policy: ReturnPolicy): URL {
  const url = raw.length > MAX_LENGTH ? null : URL.parse(raw)
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
    throw new StratosError('InvalidRequest', 'redirect_uri is not a web address')
  }
  const allowed =
    url.origin === policy.publicUrl ||
    policy.allowedOrigins.has(url.origin) ||
    (policy.loopback && LOOPBACK_HOSTS.has(url.hostname))
  if (!allowed) {
    const why = `redirect_uri must not lead to ${url.origin}; the operator lists origins in STRATOS_ALLOWED_REDIRECT_ORIGINS`
    throw new StratosError('InvalidRequest', why)
  }
  return url
}
