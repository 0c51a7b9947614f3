import { describe, expect, it } from 'vitest'
import { buildConfig } from './config.ts'
import { ConfigError, readEnv } from './env.ts'

const MINIMAL = {
  STRATOS_SERVICE_DID: 'did:web:stratos.example.com',
  STRATOS_PUBLIC_URL: 'https://stratos.example.com',
  STRATOS_ALLOWED_DOMAINS: 'general, writers',
}

const configOf = (more: Record<string, string> = {}) => buildConfig(readEnv({ ...MINIMAL, ...more }))

function problemsOf(source: Record<string, string>): readonly string[] {
  try {
    buildConfig(readEnv(source))
  } catch (err) {
    if (err instanceof ConfigError) return err.problems
    throw err
  }
  return []
}

describe('the configuration', () => {
  it('needs three variables and qualifies boundaries with the DID of the service', () => {
    const { service, enrollment, storage, access } = configOf()
    expect([...service.boundaries]).toEqual([
      'did:web:stratos.example.com/general',
      'did:web:stratos.example.com/writers',
    ])
    expect(enrollment.autoBoundaries).toEqual([...service.boundaries])
    expect(enrollment.mode).toBe('allowlist')
    expect(storage.backend).toBe('sqlite')
    expect(access).toMatchObject({ adminPassword: null, requireDpopNonce: true })
  })

  it('lists everything that is missing, malformed or unknown at once', () => {
    expect(
      problemsOf({ STRATOS_PORT: 'many', STRATOS_DPOP_REQUIRE_NONCE: 'yes', STRATOS_DEV_MODE: 'true' }),
    ).toEqual([
      expect.stringMatching(/^STRATOS_SERVICE_DID must be set/),
      expect.stringMatching(/^STRATOS_PUBLIC_URL must be set/),
      expect.stringMatching(/^STRATOS_ALLOWED_DOMAINS must be set/),
      expect.stringMatching(/^STRATOS_PORT must be a whole number/),
      expect.stringMatching(/^STRATOS_DPOP_REQUIRE_NONCE must be "true" or "false"/),
      'STRATOS_DEV_MODE is not a variable of this service',
    ])
  })

  it('names the variable that a misspelt one may have meant', () => {
    expect(
      problemsOf({ ...MINIMAL, STRATOS_ALOWED_DIDS: 'did:plc:a', STRATOS_ENROLMENT_MOD: 'open' }),
    ).toEqual([
      'STRATOS_ALOWED_DIDS is not a variable of this service; did you mean STRATOS_ALLOWED_DIDS?',
      'STRATOS_ENROLMENT_MOD is not a variable of this service; did you mean STRATOS_ENROLLMENT_MODE?',
    ])
    expect(problemsOf({ ...MINIMAL, STRATOS_UNHEARD_OF: 'x' })).toEqual([
      'STRATOS_UNHEARD_OF is not a variable of this service',
    ])
  })

  it.each(['1', '0', 'yes', 'off', 'TRUE', ' false ', 'maybe'])('takes %j for no boolean', (value) => {
    expect(problemsOf({ ...MINIMAL, STRATOS_DPOP_REQUIRE_NONCE: value })).toHaveLength(1)
  })

  it.each([
    ['a DID that does not belong to the URL', { STRATOS_SERVICE_DID: 'did:web:other.example.com' }],
    ['plain http in public', { STRATOS_PUBLIC_URL: 'http://stratos.example.com' }],
    ['a URL with a path', { STRATOS_PUBLIC_URL: 'https://stratos.example.com/x' }],
    ['private addresses behind a public URL', { STRATOS_ALLOW_PRIVATE_ADDRESSES: 'true' }],
    ['a qualified boundary', { STRATOS_ALLOWED_DOMAINS: 'did:web:stratos.example.com/general' }],
    ['a boundary that only newcomers would have', { STRATOS_AUTO_ENROLL_DOMAINS: 'others' }],
    [
      'more boundaries for newcomers than an account may hold',
      { STRATOS_ALLOWED_DOMAINS: Array.from({ length: 51 }, (_, n) => `b${n}`).join() },
    ],
    ['a DID that is none', { STRATOS_ALLOWED_DIDS: 'alice' }],
    ['an AppView that is none', { STRATOS_ALLOWED_APPVIEWS: 'https://appview.example.com' }],
    ['a collection that is none', { STRATOS_EXTRA_COLLECTIONS: 'posts' }],
    ['a session of a week', { STRATOS_SESSION_TTL_MS: '604800000' }],
  ])('refuses %s', (_what, more) => {
    expect(problemsOf({ ...MINIMAL, ...more })).not.toEqual([])
  })

  it('knows a service on loopback by its port', () => {
    const { service } = configOf({
      STRATOS_SERVICE_DID: 'did:web:localhost%3A3100',
      STRATOS_PUBLIC_URL: 'http://localhost:3100',
    })
    expect(service).toMatchObject({ secure: false, loopback: true })
  })

  it('lets a service on loopback leave out its port', () => {
    const { service } = configOf({
      STRATOS_SERVICE_DID: 'did:web:localhost',
      STRATOS_PUBLIC_URL: 'http://localhost:3100',
    })
    expect(service.did).toBe('did:web:localhost')
  })

  it('accepts LOG_LEVEL for STRATOS_LOG_LEVEL, which wins', () => {
    expect(configOf({ LOG_LEVEL: 'debug' }).server.logLevel).toBe('debug')
    expect(configOf({ LOG_LEVEL: 'debug', STRATOS_LOG_LEVEL: 'warn' }).server.logLevel).toBe('warn')
  })

  it('takes an empty value for none', () => {
    expect(configOf({ STRATOS_ADMIN_PASSWORD: '' }).access.adminPassword).toBeNull()
  })
})
