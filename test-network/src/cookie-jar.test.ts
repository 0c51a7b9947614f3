import { describe, expect, it } from 'vitest'
import { CookieJar } from './cookie-jar.ts'

function jarWith(url: string, ...cookies: string[]): CookieJar {
  const jar = new CookieJar()
  store(jar, url, ...cookies)
  return jar
}

function store(jar: CookieJar, url: string, ...cookies: string[]): void {
  const headers = new Headers()
  for (const cookie of cookies) headers.append('set-cookie', cookie)
  jar.store(new URL(url), headers)
}

describe('the cookie jar', () => {
  it('sends what a host set to that host on every port, and to no other', () => {
    const jar = jarWith('http://localhost:1/', 'a=1; Path=/; Secure; HttpOnly', 'b=x=y')
    expect(jar.header(new URL('http://localhost:2/any'))).toBe('a=1; b=x=y')
    expect(jar.header(new URL('http://127.0.0.1:1/'))).toBeNull()
  })

  it('keeps to the path', () => {
    const jar = jarWith('http://localhost/', 'a=1; Path=/oauth')
    expect(jar.header(new URL('http://localhost/oauth/callback'))).toBe('a=1')
    expect(jar.header(new URL('http://localhost/oauthish'))).toBeNull()
  })

  it('replaces a value, and forgets what has expired', () => {
    const jar = jarWith('http://localhost/', 'a=1', 'b=2', 'c=3')
    store(jar, 'http://localhost/', 'a=4', 'b=; Max-Age=0', 'c=; Expires=Thu, 01 Jan 1970 00:00:00 GMT')
    expect(jar.header(new URL('http://localhost/'))).toBe('a=4')
  })
})
