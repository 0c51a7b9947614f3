import { describe, expect, it } from 'vitest'
import { AdminPassword } from './admin.ts'
import type { Credential } from './credentials.ts'
import { FailureLimiter } from './failure-limiter.ts'

const ADDRESS = '192.0.2.1'
const REQUIRED = expect.objectContaining({ code: 'AuthenticationRequired' })

function basic(text: string): Credential {
  return { scheme: 'basic', token: Buffer.from(text).toString('base64') }
}

function setUp(password: string | null) {
  const clock = { nowMs: 0 }
  const failures = new FailureLimiter({ maxFailures: 10, windowMs: 60_000, nowMs: () => clock.nowMs })
  return { clock, admin: new AdminPassword(password, failures) }
}

describe('AdminPassword', () => {
  it.each(['correct horse', 'with:colons:in:it', ':', 'pässwörd', 'x'.repeat(500)])(
    'lets in who knows %j',
    async (password) => {
      expect(await setUp(password).admin.verify(basic(`admin:${password}`), ADDRESS)).toEqual({
        kind: 'operator',
        name: 'admin',
      })
    },
  )

  it.each<[string, Credential]>([
    ['a wrong password', basic('admin:wrong')],
    ['an empty password', basic('admin:')],
    ['a password that begins right', basic('admin:correct')],
    ['a password that goes on', basic('admin:correct horse ')],
    ['another user', basic('root:correct horse')],
    ['another spelling of the user', basic('Admin:correct horse')],
    ['no user', basic(':correct horse')],
    ['no colon', basic('admincorrect horse')],
    ['the password alone', basic('correct horse')],
    ['nothing', basic('')],
    ['a bearer token', { scheme: 'bearer', token: 'correct horse' }],
    ['a DPoP token', { scheme: 'dpop', token: 'correct horse' }],
    ['no credential', { scheme: 'none' }],
  ])('refuses %s', async (_, credential) => {
    await expect(setUp('correct horse').admin.verify(credential, ADDRESS)).rejects.toEqual(REQUIRED)
  })

  it.each([null, ''])('lets nobody in while the password is %j', async (password) => {
    for (const text of ['admin:', 'admin:null', 'admin:undefined', ':', '']) {
      await expect(setUp(password).admin.verify(basic(text), ADDRESS)).rejects.toEqual(REQUIRED)
    }
  })

  it('stops listening to an address after ten wrong passwords, even to the right one', async () => {
    const { clock, admin } = setUp('right')
    for (let i = 0; i < 10; i++)
      await expect(admin.verify(basic(`admin:${i}`), ADDRESS)).rejects.toEqual(REQUIRED)
    for (const password of ['11', 'right']) {
      await expect(admin.verify(basic(`admin:${password}`), ADDRESS)).rejects.toEqual(
        expect.objectContaining({ code: 'RateLimitExceeded' }),
      )
    }
    expect(await admin.verify(basic('admin:right'), '192.0.2.2')).toMatchObject({ kind: 'operator' })
    clock.nowMs += 60_000
    expect(await admin.verify(basic('admin:right'), ADDRESS)).toMatchObject({ kind: 'operator' })
  })

  it('does not count requests that name no password', async () => {
    const { admin } = setUp('right')
    for (let i = 0; i < 20; i++)
      await expect(admin.verify({ scheme: 'none' }, ADDRESS)).rejects.toEqual(REQUIRED)
    expect(await admin.verify(basic('admin:right'), ADDRESS)).toMatchObject({ kind: 'operator' })
  })
})
