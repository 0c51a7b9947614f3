import { describe, expect, it } from 'vitest'
import type { PostgresSettings } from '../config/postgres.ts'
import { chooseSsl } from './postgres-pool.ts'

const settings = (sslMode: PostgresSettings['sslMode'], host = 'db.example'): PostgresSettings => ({
  host,
  port: 5432,
  user: 'stratos',
  password: 'secret',
  database: 'stratos',
  sslMode,
  layout: 'schema',
  actorPoolSize: 1,
  adminPoolSize: 1,
})

describe('sslmode', () => {
  it('disable means none', async () => {
    expect(await chooseSsl(settings('disable'))).toBe(false)
  })

  it('require means encryption without a look at the certificate', async () => {
    expect(await chooseSsl(settings('require'))).toEqual({ rejectUnauthorized: false })
  })

  it('verify-ca means a certificate that is trusted, whatever name is in it', async () => {
    const ssl = await chooseSsl(settings('verify-ca'))
    expect(ssl).toMatchObject({ rejectUnauthorized: true })
    if (ssl === false || ssl.checkServerIdentity === undefined) throw new Error('unreachable')
    expect(ssl.checkServerIdentity('elsewhere.example', {} as never)).toBeUndefined()
  })

  it('verify-full means a trusted certificate for this very host', async () => {
    expect(await chooseSsl(settings('verify-full'))).toEqual({ rejectUnauthorized: true })
  })

  it('means nothing on a socket of this machine', async () => {
    expect(await chooseSsl(settings('verify-full', '/var/run/postgresql'))).toBe(false)
  })
})
