import { createHash, generateKeyPairSync, randomUUID, sign, type KeyObject } from 'node:crypto'
import { Agent, request } from 'node:http'
import { AtpAgent } from '@atproto/api'
import type { Account } from './accounts.ts'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly bytes: Buffer
  /** Parsed JSON, or undefined if the answer is none. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into answers of every shape
  readonly body: any
}

/** Parts of a proof or of the request that a test may set wrong on purpose. */
export interface ProofOverrides {
  readonly claims?: Readonly<Record<string, unknown>>
  readonly header?: Readonly<Record<string, unknown>>
}

export interface CallOptions {
  readonly params?: Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

// A connection that has been idle for long is not used again: a busy machine notices too late that the service closed it.
const connections = new Agent({ keepAlive: true, maxSockets: 256, agentKeepAliveTimeoutBuffer: 4_000 })

/**
 * A client that signs requests with a DPoP key of its own, as an OAuth client library does, and lets a test or a
 * benchmark see and bend every part of that. The access token is arbitrary: the service does not read it.
 */
export class ProofClient {
  readonly serviceUrl: string
  readonly token: string
  readonly #privateKey: KeyObject
  readonly #jwk: Readonly<Record<string, unknown>>
  readonly #ath: string
  nonce: string | undefined

  constructor(
    serviceUrl: string,
    token = `token-${randomUUID()}`,
    keys = generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ) {
    this.serviceUrl = serviceUrl
    this.token = token
    const { privateKey, publicKey } = keys
    this.#privateKey = privateKey
    this.#jwk = { ...publicKey.export({ format: 'jwk' }) }
    this.#ath = createHash('sha256').update(token).digest('base64url')
  }

  /**
   * A client whose token an authorization server issued for its key.
   *
   * @param issue makes the token, given the thumbprint of the key
   */
  static withToken(serviceUrl: string, issue: (jkt: string) => string): ProofClient {
    const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const { crv, kty, x, y } = keys.publicKey.export({ format: 'jwk' })
    const jkt = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url')
    return new ProofClient(serviceUrl, issue(jkt), keys)
  }

  /** Registers a fresh key for an account, by a service JWT from the account's own PDS. */
  static async signIn(
    network: { readonly serviceUrl: string; readonly serviceDid: string; readonly pdsUrl: string },
    account: Pick<Account, 'handle' | 'password'>,
  ): Promise<ProofClient> {
    const client = new ProofClient(network.serviceUrl)
    const { status, body } = await client.register(network, account)
    if (status !== 200) throw new Error(`createSession answered ${status} ${JSON.stringify(body)}`)
    return client
  }

  async register(
    network: { readonly serviceDid: string; readonly pdsUrl: string },
    account: Pick<Account, 'handle' | 'password'>,
  ): Promise<Answer> {
    const lxm = 'zone.stratos.server.createSession'
    const serviceAuth = await serviceJwt(network, account, lxm)
    return this.call('POST', lxm, { body: { serviceAuth } })
  }

  /** A proof for one request. @param url absolute, as it will be requested */
  proof(method: string, url: string, overrides: ProofOverrides = {}): string {
    const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: this.#jwk, ...overrides.header }
    const htu = url.split(/[?#]/, 1)[0]
    const iat = Math.floor(Date.now() / 1000)
    const { nonce } = this
    const claims = { jti: randomUUID(), htm: method, htu, iat, ath: this.#ath, nonce, ...overrides.claims }
    const signed = `${encodePart(header)}.${encodePart(claims)}`
    const signature = sign('sha256', Buffer.from(signed), {
      key: this.#privateKey,
      dsaEncoding: 'ieee-p1363',
    })
    return `${signed}.${signature.toString('base64url')}`
  }

  url(nsid: string, params: CallOptions['params'] = {}): string {
    const url = new URL(`/xrpc/${nsid}`, this.serviceUrl)
    for (const [name, value] of Object.entries(params)) {
      for (const entry of Array.isArray(value) ? value : [value]) {
        if (entry !== undefined) url.searchParams.append(name, String(entry))
      }
    }
    return url.href
  }

  /** Calls a method with a good proof, repeating once when the service asks for a fresh nonce. */
  async call(method: 'GET' | 'HEAD' | 'POST', nsid: string, options: CallOptions = {}): Promise<Answer> {
    const first = await this.callOnce(method, nsid, options)
    const challenge = first.headers['www-authenticate']
    if (first.status !== 401 || typeof challenge !== 'string' || !challenge.includes('use_dpop_nonce'))
      return first
    return this.callOnce(method, nsid, options)
  }

  async callOnce(
    method: 'GET' | 'HEAD' | 'POST',
    nsid: string,
    options: CallOptions = {},
    overrides: ProofOverrides = {},
  ): Promise<Answer> {
    const url = this.url(nsid, options.params)
    const proof = this.proof(method, url, overrides)
    return this.send(method, url, { ...options, headers: { dpop: proof, ...options.headers } })
  }

  /** Sends a request with this client's token and whatever headers are given. Remembers the nonce of the answer. */
  async send(method: string, url: string, options: Omit<CallOptions, 'params'> = {}): Promise<Answer> {
    const headers = { authorization: `DPoP ${this.token}`, ...options.headers }
    const answer = await sendRequest(method, url, { ...options, headers })
    const { 'dpop-nonce': nonce } = answer.headers
    if (typeof nonce === 'string') this.nonce = nonce
    return answer
  }
}

/** One HTTP request, without credentials of its own. */
export function sendRequest(
  method: string,
  url: string,
  options: Omit<CallOptions, 'params'> = {},
): Promise<Answer> {
  const { body } = options
  const bytes = body === undefined ? null : Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body))
  const headers: Record<string, string> = { ...options.headers }
  if (bytes !== null) {
    headers['content-type'] ??= 'application/json'
    headers['content-length'] = String(bytes.length)
  }
  return new Promise((resolve, reject) => {
    const req = request(url, { method, headers, agent: connections }, (res) => {
      const chunks: Buffer[] = []
      res.on('data', (chunk: Buffer) => chunks.push(chunk))
      res.on('error', reject)
      res.on('end', () => {
        const all = Buffer.concat(chunks)
        resolve({ status: res.statusCode ?? 0, headers: res.headers, bytes: all, body: parseJson(all) })
      })
    })
    req.on('error', reject)
    req.end(bytes ?? undefined)
  })
}

/** A service-auth JWT for one method of the service, from the account's own PDS. */
export async function serviceJwt(
  network: { readonly serviceDid: string; readonly pdsUrl: string },
  account: Pick<Account, 'handle' | 'password'>,
  lxm: string,
  aud = network.serviceDid,
): Promise<string> {
  const agent = new AtpAgent({ service: network.pdsUrl })
  await agent.login({ identifier: account.handle, password: account.password })
  const { data } = await agent.com.atproto.server.getServiceAuth({ aud, lxm })
  return data.token
}

function encodePart(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}
