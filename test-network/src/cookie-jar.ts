/**
 * The cookies of one pretended browser.
 *
 * Kept per host name, not per port, and `localhost` is not `127.0.0.1`: as in a browser. `Secure` cookies are sent to
 * loopback addresses over http, as browsers do. `SameSite` is not looked at.
 */
export class CookieJar {
  private readonly cookies: { host: string; path: string; name: string; value: string }[] = []

  /** Remembers what a response from `url` sets, and forgets what it expires. */
  store(url: URL, headers: Headers): void {
    for (const line of headers.getSetCookie()) {
      const [pair = '', ...attributes] = line.split(';').map((part) => part.trim())
      const name = pair.slice(0, pair.indexOf('='))
      const value = pair.slice(pair.indexOf('=') + 1)
      const path = attribute(attributes, 'path') ?? '/'
      const known = this.cookies.findIndex(
        (c) => c.host === url.hostname && c.path === path && c.name === name,
      )
      if (known !== -1) this.cookies.splice(known, 1)
      if (!isExpired(attributes)) this.cookies.push({ host: url.hostname, path, name, value })
    }
  }

  find(url: URL, name: string): string | null {
    return this.matching(url).find((cookie) => cookie.name === name)?.value ?? null
  }

  /** Value of the `Cookie` header of a request to `url`; null when there is nothing to send. */
  header(url: URL): string | null {
    const pairs = this.matching(url).map((cookie) => `${cookie.name}=${cookie.value}`)
    return pairs.length === 0 ? null : pairs.join('; ')
  }

  private matching(url: URL): { name: string; value: string }[] {
    return this.cookies.filter(({ host, path }) => {
      const below = path.endsWith('/') ? path : `${path}/`
      return host === url.hostname && (url.pathname === path || url.pathname.startsWith(below))
    })
  }
}

function attribute(attributes: readonly string[], name: string): string | null {
  const found = attributes.find((one) => one.toLowerCase().startsWith(`${name}=`))
  return found === undefined ? null : found.slice(name.length + 1)
}

function isExpired(attributes: readonly string[]): boolean {
  const maxAge = attribute(attributes, 'max-age')
  if (maxAge !== null) return Number(maxAge) <= 0
  const expires = attribute(attributes, 'expires')
  return expires !== null && Date.parse(expires) <= Date.now()
}
