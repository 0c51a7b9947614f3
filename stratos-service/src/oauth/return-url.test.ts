import { describe, expect, it } from 'vitest'
import { parseReturnUrl } from './return-url.ts'

const PUBLIC = {
  publicUrl: 'https://stratos.example.com',
  loopback: false,
  allowedOrigins: new Set(['https://app.example.com']),
}
const LOCAL = { publicUrl: 'http://localhost:3100', loopback: true, allowedOrigins: new Set<string>() }

describe('the address to return to', () => {
  it.each([
    ['https://app.example.com/after?x=1', PUBLIC],
    ['https://stratos.example.com/', PUBLIC],
    ['http://127.0.0.1:5173/', LOCAL],
    ['http://localhost:9/', LOCAL],
    ['http://[::1]:9/', LOCAL],
  ])('may be %s', (url, policy) => {
    expect(parseReturnUrl(url, policy).href).toBe(url)
  })

  it.each([
    ['https://evil.example/', PUBLIC],
    ['https://app.example.com.evil.example/', PUBLIC],
    ['https://app.example.com:8443/', PUBLIC],
    ['http://app.example.com/', PUBLIC],
    ['http://127.0.0.1:5173/', PUBLIC],
    ['https://user@app.example.com/', PUBLIC],
    ['//app.example.com/', PUBLIC],
    ['/after', PUBLIC],
    ['javascript:alert(1)', PUBLIC],
    ['data:text/html,x', LOCAL],
    ['https://example.com/', LOCAL],
    ['http://127.0.0.1.evil.example/', LOCAL],
    [`http://127.0.0.1/${'x'.repeat(3000)}`, LOCAL],
  ])('may not be %s', (url, policy) => {
    expect(() => parseReturnUrl(url, policy)).toThrow(expect.objectContaining({ code: 'InvalidRequest' }))
  })
})
