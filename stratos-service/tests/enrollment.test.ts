import { authorize, refuse, sendRequest } from 'test-network'
import { describe, expect, it } from 'vitest'
import { accountOf, useNetwork } from './_util/network.ts'

const network = useNetwork({})
const origin = () => network().serviceUrl.replace('localhost', '127.0.0.1')

async function begin(params: Record<string, string>) {
  const answer = await sendRequest('GET', `${origin()}/oauth/authorize?${new URLSearchParams(params)}`)
  const cookies = answer.headers['set-cookie'] ?? []
  return {
    ...answer,
    location: String(answer.headers.location),
    cookie: String(cookies[0] ?? '').split(';')[0] ?? '',
  }
}

describe('beginning an enrollment', () => {
  it('moves a browser from localhost to the address that the PDS returns it to', async () => {
    const answer = await sendRequest('GET', `${network().serviceUrl}/oauth/authorize?handle=alice.test`)
    expect([answer.status, answer.headers.location]).toEqual([
      302,
      `${origin()}/oauth/authorize?handle=alice.test`,
    ])
  })

  it('OAU-021: leads to the PDS of the account, with a cookie for this browser alone', async () => {
    const { status, location, headers } = await begin({ handle: 'alice.test' })
    expect(status).toBe(302)
    expect(location.startsWith(`${network().pdsUrl}/oauth/authorize?`)).toBe(true)
    expect(String(headers['set-cookie'])).toMatch(
      /^stratos_flow_[0-9a-f]{12}=[\w-]{43}; Path=\/oauth; Max-Age=600; HttpOnly; SameSite=Lax$/,
    )
  })

  it.each([
    ['no handle', {}],
    ['a URL for a handle', { handle: 'http://169.254.169.254/' }],
    ['an address for a handle', { handle: '127.0.0.1:2583' }],
    ['OAU-003: a return to anywhere', { handle: 'alice.test', redirect_uri: 'https://evil.example/' }],
    ['a return to a script', { handle: 'alice.test', redirect_uri: 'javascript:alert(1)' }],
    ['a return with credentials', { handle: 'alice.test', redirect_uri: 'http://a:b@127.0.0.1/' }],
  ])('refuses %s', async (_what, params) => {
    expect(await begin(params)).toMatchObject({ status: 400, body: { error: 'InvalidRequest' } })
  })

  it('tells people in words, without anything that acts, and programs in JSON', async () => {
    const params = { handle: 'alice.test', redirect_uri: 'https://evil.example/"><script>alert(1)</script>' }
    const url = `${origin()}/oauth/authorize?${new URLSearchParams(params)}`
    const accept = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'
    const page = await sendRequest('GET', url, { headers: { accept } })
    expect(page.status).toBe(400)
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8')
    expect(page.headers['content-security-policy']).toMatch(
      /^default-src 'none'; style-src 'sha256-\S+'; frame/,
    )
    const html = page.bytes.toString()
    expect(html).toContain('You were not enrolled')
    expect(html).toContain('must not lead to https://evil.example;')
    expect(html).not.toMatch(/<script|<a |http-equiv/)
    for (const accepted of ['*/*', 'application/json', 'application/json, text/html']) {
      const answer = await sendRequest('GET', url, { headers: { accept: accepted } })
      expect(answer.body).toMatchObject({ error: 'InvalidRequest' })
    }
  })

  it('tells the app when the account cannot be found', async () => {
    const redirect = 'http://127.0.0.1:9/app'
    const { status, location } = await begin({ handle: 'nobody.test', redirect_uri: redirect })
    expect(status).toBe(302)
    expect(new URL(location).searchParams.get('error')).toBe('AuthorizationError')
  })
})

describe('coming back', () => {
  it('enrolls, and answers with JSON when there is no app to return to', async () => {
    const account = accountOf(network(), 'alice')
    const { location, cookie } = await begin({ handle: account.handle })
    const callback = String(await authorize(new URL(location), account))
    const answer = await sendRequest('GET', callback, { headers: { cookie } })
    expect(answer).toMatchObject({ status: 200, body: { success: true, did: account.did, enrolled: true } })
    const status = `${network().serviceUrl}/xrpc/zone.stratos.enrollment.status?did=${account.did}`
    expect((await sendRequest('GET', status)).body).toEqual({
      did: account.did,
      enrolled: true,
      enrolledAt: expect.any(String),
      signingKey: expect.stringMatching(/^did:key:zDnae/),
    })
  })

  it('leaves an existing enrollment as it is', async () => {
    const account = accountOf(network(), 'alice')
    const statusUrl = `${network().serviceUrl}/xrpc/zone.stratos.enrollment.status?did=${account.did}`
    const before = (await sendRequest('GET', statusUrl)).body
    const { location, cookie } = await begin({
      handle: account.handle,
      redirect_uri: 'http://127.0.0.1:9/app?x=1',
    })
    const answer = await sendRequest('GET', String(await authorize(new URL(location), account)), {
      headers: { cookie },
    })
    expect([answer.status, answer.headers.location]).toEqual([
      302,
      'http://127.0.0.1:9/app?x=1&stratos_enrolled=true',
    ])
    expect((await sendRequest('GET', statusUrl)).body).toEqual(before)
  })

  it('OAU-001: is refused in another browser, and enrolls nobody', async () => {
    const account = accountOf(network(), 'bob')
    const { location } = await begin({ handle: account.handle })
    const callback = String(await authorize(new URL(location), account))
    const other = await begin({ handle: account.handle })
    for (const cookie of ['', other.cookie]) {
      expect((await sendRequest('GET', callback, { headers: { cookie } })).status).toBe(400)
    }
    const status = `${network().serviceUrl}/xrpc/zone.stratos.enrollment.status?did=${account.did}`
    expect((await sendRequest('GET', status)).body).toEqual({ did: account.did, enrolled: false })
  })

  it('tells the app when the user says no', async () => {
    const { location, cookie } = await begin({ handle: 'bob.test', redirect_uri: 'http://127.0.0.1:9/app' })
    const answer = await sendRequest('GET', String(await refuse(new URL(location))), { headers: { cookie } })
    expect(new URL(String(answer.headers.location)).searchParams.get('error')).toBe('access_denied')
  })
})
