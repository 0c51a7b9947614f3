import { CookieJar } from './cookie-jar.ts'
import { rawRequest } from './raw-request.ts'

/**
 * Signing in and consenting on a PDS's own OAuth pages without a browser: the page is fetched like a navigation, and
 * the endpoints its script calls are called with the headers a browser would add. Nothing on the PDS is bypassed: wrong
 * passwords, foreign origins and reused requests fail here as they do for a person.
 */

export interface Credentials {
  readonly handle: string
  readonly password: string
}

const API = '/@atproto/oauth-provider/~api'
const MAX_HOPS = 20

/**
 * Signs in and accepts an authorization request.
 *
 * @param authorizationUrl the PDS's `/oauth/authorize?client_id=…&request_uri=…`
 * @param scope what the user leaves ticked, space-separated; default everything asked for
 * @returns where the PDS sends the browser next: the client's redirect URI with `code`, or with `error`; not fetched
 * @throws {Error} when the page or the sign-in is refused
 */
export async function authorize(
  authorizationUrl: URL,
  { handle, password }: Credentials,
  options: { cookies?: CookieJar; scope?: string } = {},
): Promise<URL> {
  const page = await openPage(authorizationUrl, options.cookies ?? new CookieJar())
  if (page instanceof URL) return page
  const signIn = await page.post('/sign-in', { locale: 'en', username: handle, password, remember: false })
  const { account, ephemeralToken } = signIn as { account: { did: string }; ephemeralToken: string }
  const consent = { did: account.did, ...(options.scope === undefined ? {} : { scope: options.scope }) }
  return page.leave(await page.post('/consent', consent, ephemeralToken))
}

/** As `authorize`, but the user presses "Deny access", without signing in. */
export async function refuse(authorizationUrl: URL, cookies = new CookieJar()): Promise<URL> {
  const page = await openPage(authorizationUrl, cookies)
  return page instanceof URL ? page : page.leave(await page.post('/reject', {}))
}

/**
 * Opens `start` and follows redirects as a browser does, signing in and consenting when they lead to the PDS.
 *
 * @returns the first answer that is not a redirect, and its address
 */
export async function followSignIn(
  start: URL,
  pdsUrl: string,
  credentials: Credentials,
): Promise<{ url: URL; response: Response }> {
  const cookies = new CookieJar()
  let url = start
  for (let hop = 0; hop < MAX_HOPS; hop++) {
    if (url.origin === new URL(pdsUrl).origin && url.pathname === '/oauth/authorize') {
      url = await authorize(url, credentials, { cookies })
      continue
    }
    const response = await navigate(url, cookies, hop === 0 ? 'none' : 'cross-site')
    const next = redirectTarget(url, response)
    if (next === null) return { url, response }
    url = next
  }
  throw new Error(`more than ${MAX_HOPS} redirects from ${start.origin}${start.pathname}`)
}

interface AuthorizationPage {
  /** Calls an endpoint of the page's script. */
  post(endpoint: string, body: object, bearer?: string): Promise<unknown>
  /** Goes where an answer `{ url }` points and returns where that redirects to. */
  leave(answer: unknown): Promise<URL>
}

/** @returns the page; or where the PDS redirects at once, because the request is at fault or needs no page */
async function openPage(url: URL, cookies: CookieJar): Promise<AuthorizationPage | URL> {
  const response = await navigate(url, cookies, 'cross-site')
  const redirect = redirectTarget(url, response)
  if (redirect !== null) return redirect
  const html = await response.text()
  const csrf = cookies.find(url, 'csrf-token')
  if (response.status !== 200 || csrf === null) {
    throw new Error(`the authorization page answered ${response.status}: ${readableText(html)}`)
  }

  return {
    async post(endpoint, body, bearer) {
      const target = new URL(API + endpoint, url.origin)
      const headers = new Headers({
        'content-type': 'application/json',
        accept: 'application/json',
        origin: url.origin,
        referer: url.href,
        'x-csrf-token': csrf,
        'sec-fetch-site': 'same-origin',
        'sec-fetch-mode': 'same-origin',
        'sec-fetch-dest': 'empty',
      })
      if (bearer !== undefined) headers.set('authorization', `Bearer ${bearer}`)
      const answer = await send(target, { method: 'POST', headers, body: JSON.stringify(body) }, cookies)
      const text = await answer.text()
      if (!answer.ok) throw new Error(`${endpoint} was refused with ${answer.status}: ${text}`)
      return JSON.parse(text)
    },
    async leave(answer) {
      const target = new URL((answer as { url: string }).url)
      const left = await navigate(target, cookies, 'same-origin', url)
      const next = redirectTarget(target, left)
      if (next === null)
        throw new Error(`leaving the authorization page answered ${left.status}, not a redirect`)
      return next
    },
  }
}

/** Fetches what a browser would show in its window; redirects are not followed. */
async function navigate(
  url: URL,
  cookies: CookieJar,
  site: 'none' | 'same-origin' | 'cross-site',
  referrer?: URL,
): Promise<Response> {
  const headers = new Headers({
    accept: 'text/html,*/*;q=0.8',
    'sec-fetch-site': site,
    'sec-fetch-mode': 'navigate',
    'sec-fetch-dest': 'document',
  })
  if (referrer !== undefined) headers.set('referer', referrer.href)
  return send(url, { headers }, cookies)
}

async function send(
  url: URL,
  init: { method?: string; headers: Headers; body?: string },
  cookies: CookieJar,
): Promise<Response> {
  const cookie = cookies.header(url)
  if (cookie !== null) init.headers.set('cookie', cookie)
  const response = await rawRequest(url, init)
  cookies.store(url, response.headers)
  return response
}

function redirectTarget(from: URL, response: Response): URL | null {
  const location = response.headers.get('location')
  return response.status >= 300 && response.status < 400 && location !== null ? new URL(location, from) : null
}

/** What a page says, cut to a line: the error a PDS's page is about to show, or else the text between the markup. */
export function readableText(html: string): string {
  const embedded = /\["__errorData"\]=JSON\.parse\(("(?:[^"\\]|\\.)*")\)/.exec(html)?.[1]
  if (embedded !== undefined) return String(JSON.parse(embedded))
  const text = html.replace(/<(script|style)[^>]*>.*?<\/\1>/gs, ' ').replace(/<[^>]+>/g, ' ')
  return text.replace(/\s+/g, ' ').trim().slice(0, 400)
}
