import { chmodSync, readdirSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { sendRequest } from 'test-network'
import { describe, expect, it } from 'vitest'
import { startLoneService } from './_util/lone-service.ts'

const basic = (credentials: string) => ({
  headers: { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` },
})
const refusalOf = async (env: Record<string, string>): Promise<string> => {
  try {
    await using service = await startLoneService(env)
    throw new Error(`it started: ${service.output()}`)
  } catch (err) {
    return String(err)
  }
}

describe('a configuration', () => {
  it.each(['false', '0', 'no', 'off', ' FALSE '])(
    'CFG-001: that sets STRATOS_DEV_MODE to "%s" is refused: there is no such mode to switch',
    async (value) => {
      const refusal = await refusalOf({ STRATOS_DEV_MODE: value })
      expect(refusal).toContain('STRATOS_DEV_MODE is not a variable of this service')
      expect(refusal).toContain('ended with 1')
    },
  )

  it('CFG-001: leaves no way in for a bare DID', async () => {
    await using service = await startLoneService()
    const headers = { authorization: 'Bearer did:plc:alice' }
    const url = `${service.url}/xrpc/zone.stratos.enrollment.status?did=did:plc:alice`
    expect((await sendRequest('GET', url, { headers })).status).toBe(401)
  })

  it('CFG-003, CFG-005, CFG-009: that cannot be meant stops the start, with every problem named', async () => {
    const refusal = await refusalOf({
      STRATOS_DPOP_REQUIRE_NONCE: 'maybe',
      STRATOS_MASTER_KEY: 'nearly-a-key',
      STRATOS_UNHEARD_OF: 'x',
    })
    expect(refusal).toContain('STRATOS_DPOP_REQUIRE_NONCE must be "true" or "false"')
    expect(refusal).toContain('STRATOS_MASTER_KEY must be 64 hexadecimal digits')
    expect(refusal).not.toContain('nearly-a-key')
    expect(refusal).toContain('STRATOS_UNHEARD_OF is not a variable of this service')
    expect(await refusalOf({ STRATOS_SERVICE_DID: 'did:web:elsewhere.example' })).toMatch(
      /STRATOS_SERVICE_DID is did:web:elsewhere.example, but STRATOS_PUBLIC_URL makes it did:web:localhost%3A/,
    )
  })
})

describe('a start that the machine does not allow', () => {
  it('names the setting and what to do, without a stack', async () => {
    await using service = await startLoneService()
    const taken = await refusalOf({ STRATOS_PORT: new URL(service.url).port })
    expect(taken).toContain(
      `STRATOS_PORT: another process listens on port ${new URL(service.url).port} already`,
    )
    const nowhere = await refusalOf({ STRATOS_HOST: '192.0.2.1' })
    expect(nowhere).toContain('STRATOS_HOST: \\"192.0.2.1\\" is no address of this machine')
    const file = await refusalOf({ STRATOS_DATA_DIR: join(import.meta.dirname, 'start.test.ts/data') })
    expect(file).toMatch(/STRATOS_DATA_DIR: ENOTDIR.*must belong to the account/)
    for (const refusal of [taken, nowhere, file]) expect(refusal).not.toContain('stack')
  })
})

describe('the data directory', () => {
  it('CFG-007: is for the account of the service alone, whatever it was before', async () => {
    await using service = await startLoneService()
    const modes = () =>
      ['', ...readdirSync(service.dataDir, { recursive: true }).map(String)].map((name) => {
        const { mode } = statSync(join(service.dataDir, name))
        return `${name} ${(mode & 0o077).toString(8)}`
      })
    expect(modes().filter((entry) => !entry.endsWith(' 0'))).toEqual([])
    await service.restart(() => {
      chmodSync(service.dataDir, 0o755)
      chmodSync(join(service.dataDir, 'signing_key'), 0o644)
    })
    expect(statSync(service.dataDir).mode & 0o777).toBe(0o700)
    expect(statSync(join(service.dataDir, 'signing_key')).mode & 0o777).toBe(0o600)
  })

  it('OPS-005: that cannot be written makes the service unready, and leaves it alive', async () => {
    await using service = await startLoneService()
    const get = (path: string) => sendRequest('GET', service.url + path)
    const version = expect.any(String)
    const [ready, broken] = [
      { status: 'ok', components: { db: 'ok', disk: 'ok', blobstore: 'ok' }, version },
      { status: 'failed', components: { db: 'ok', disk: 'failed', blobstore: 'failed' }, version },
    ]
    expect(await get('/ready')).toMatchObject({ status: 200, body: ready })
    renameSync(service.dataDir, `${service.dataDir}-away`)
    await expect.poll(() => get('/ready'), { timeout: 10_000 }).toMatchObject({ status: 503, body: broken })
    const health = await get('/health')
    expect(health).toMatchObject({ status: 200, body: broken })
    expect(health.bytes.toString()).not.toContain('stratos-lone')
    renameSync(`${service.dataDir}-away`, service.dataDir)
    await expect.poll(() => get('/ready'), { timeout: 10_000 }).toMatchObject({ status: 200, body: ready })
  })
})

describe('administration by password', () => {
  const statsOf = (url: string, credentials: string) =>
    sendRequest('GET', `${url}/xrpc/zone.stratos.admin.stats`, basic(credentials))

  it('ADM-001: is switched off without one', async () => {
    await using service = await startLoneService()
    for (const credentials of ['admin:', 'admin:admin', ':', 'admin:undefined', 'admin:null']) {
      expect([credentials, (await statsOf(service.url, credentials)).status]).toEqual([credentials, 401])
    }
  })

  it('ADM-003, ADM-009: may have any characters, and is not to be guessed', async () => {
    const password = 'with: colons: and ümlauts'
    await using service = await startLoneService({ STRATOS_ADMIN_PASSWORD: password })
    expect((await statsOf(service.url, `admin:${password}`)).status).toBe(200)
    const statuses: number[] = []
    for (let n = 0; n < 100; n++) statuses.push((await statsOf(service.url, `admin:guess ${n}`)).status)
    expect(statuses.indexOf(429)).toBeLessThanOrEqual(10)
    expect(new Set(statuses.slice(10))).toEqual(new Set([429]))
    // Not even the right one, or the limit would tell which one that is.
    expect((await statsOf(service.url, `admin:${password}`)).status).toBe(429)
    expect(service.output()).not.toContain('colons')
  })
})
