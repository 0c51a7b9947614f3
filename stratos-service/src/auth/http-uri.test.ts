import { describe, expect, it } from 'vitest'
import { isSameResource } from './http-uri.ts'

const HERE = 'https://stratos.example/xrpc/zone.stratos.repo.getRecord'
const LOCAL = 'http://localhost:3100/xrpc/zone.stratos.repo.getRecord'

describe('isSameResource', () => {
  it.each([
    [HERE, HERE],
    [HERE, `${HERE}?repo=did:plc:a`],
    [HERE, `${HERE}#part`],
    [HERE, `${HERE}?a#b?c`],
    [HERE, 'HTTPS://Stratos.EXAMPLE/xrpc/zone.stratos.repo.getRecord'],
    [HERE, 'https://stratos.example:443/xrpc/zone.stratos.repo.getRecord'],
    [HERE, 'https://stratos.example:/xrpc/zone.stratos.repo.getRecord'],
    [HERE, 'https://stratos.example/xrpc/zone%2Estratos%2erepo.getRecord'],
    [HERE, 'https://stratos.example/xrpc/./zone.stratos.repo.getRecord'],
    [HERE, 'https://stratos.example/oauth/../xrpc/zone.stratos.repo.getRecord'],
    [LOCAL, LOCAL],
    ['https://stratos.example/', 'https://stratos.example'],
    ['https://stratos.example/a/', 'https://stratos.example/a/b/..'],
    ['https://stratos.example/a%2Fb', 'https://stratos.example/a%2fb'],
    ['http://[::1]:3100/a', 'http://[::1]:3100/a?x'],
  ])('takes %s and %s for one', (a, b) => {
    expect(isSameResource(a, b)).toBe(true)
    expect(isSameResource(b, a)).toBe(true)
  })

  it.each([
    [HERE, 'https://evil.example/xrpc/zone.stratos.repo.getRecord'],
    [HERE, 'http://stratos.example/xrpc/zone.stratos.repo.getRecord'],
    [HERE, 'https://stratos.example:8443/xrpc/zone.stratos.repo.getRecord'],
    [HERE, 'https://stratos.example:80/xrpc/zone.stratos.repo.getRecord'],
    [HERE, 'https://stratos.example.evil.example/xrpc/zone.stratos.repo.getRecord'],
    [HERE, 'https://stratos.example@evil.example/xrpc/zone.stratos.repo.getRecord'],
    [HERE, 'https://evil.example@stratos.example/xrpc/zone.stratos.repo.getRecord'],
    [HERE, 'https://stratos.example\\@evil.example/xrpc/zone.stratos.repo.getRecord'],
    [HERE, 'https://stratos.example/zone.stratos.repo.getRecord'],
    [HERE, `${HERE}/`],
    [HERE, `${HERE}s`],
    [HERE, 'https://stratos.example/XRPC/zone.stratos.repo.getRecord'],
    [HERE, 'https://stratos.example//xrpc/zone.stratos.repo.getRecord'],
    [HERE, 'https://stratos.example/xrpc%2Fzone.stratos.repo.getRecord'],
    [HERE, '/xrpc/zone.stratos.repo.getRecord'],
    [HERE, 'https:/stratos.example/xrpc/zone.stratos.repo.getRecord'],
    [HERE, 'https:///stratos.example/xrpc/zone.stratos.repo.getRecord'],
    [HERE, ` ${HERE}`],
    [HERE, `${HERE}\n`],
    ['https://kelvin.example/a', 'https://\u212Aelvin.example/a'],
    [HERE, 'https://strätos.example/xrpc/zone.stratos.repo.getRecord'],
    [HERE, ''],
    [HERE, 'https://'],
    [LOCAL, 'http://127.0.0.1:3100/xrpc/zone.stratos.repo.getRecord'],
    ['https://stratos.example/a%2Fb', 'https://stratos.example/a/b'],
  ])('tells %s and %s apart', (a, b) => {
    expect(isSameResource(a, b)).toBe(false)
    expect(isSameResource(b, a)).toBe(false)
  })
})
