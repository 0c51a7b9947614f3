/** Settings whose effect shows only from outside, and in no other test. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Secp256k1Keypair } from '@atproto/crypto'
import { sendRequest } from 'test-network'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildConfig } from '../src/config/config.ts'
import { readEnv } from '../src/config/env.ts'
import { createLogger } from '../src/logger.ts'
import { startService } from '../src/service.ts'
import { archiveOf } from './_util/archive.ts'
import { startLoneService, type LoneService } from './_util/lone-service.ts'
import { callAs, enrollMadeUp, makeUpAccount, type MadeUpAccount } from './_util/made-up-account.ts'
import { POST, post } from './_util/post.ts'

const KEY = '11'.repeat(32)
const CREATE = 'com.atproto.repo.createRecord'
const IMPORT = 'zone.stratos.repo.importRepo'

let service: LoneService
let operator: MadeUpAccount
let user: MadeUpAccount
let place: { serviceUrl: string; serviceDid: string }

beforeAll(async () => {
  ;[operator, user] = await Promise.all([makeUpAccount(), makeUpAccount()])
  service = await startLoneService({
    STRATOS_ENROLLMENT_MODE: 'open',
    STRATOS_SERVICE_FRAGMENT: 'house',
    STRATOS_OPERATOR_CONTACT: 'mailto:operator@example.com',
    STRATOS_SIGNING_KEY_HEX: KEY,
    STRATOS_ADMIN_DIDS: operator.did,
    STRATOS_OPEN_ACTORS: '1',
    STRATOS_IMPORT_MAX_BYTES: '2000',
    STRATOS_WRITE_RATE_MAX_WRITES: '1',
    STRATOS_WRITE_RATE_WINDOW_MS: '100',
    STRATOS_WRITE_RATE_COOLDOWN_MS: '0',
    STRATOS_WRITE_RATE_COOLDOWN_JITTER_MS: '0',
  })
  const port = new URL(service.url).port
  place = { serviceUrl: service.url, serviceDid: `did:web:localhost%3A${port}` }
})
afterAll(async () => {
  await service[Symbol.asyncDispose]()
  await Promise.all([operator.close(), user.close()])
})

const create = (account: MadeUpAccount, text: string) =>
  callAs(place, account, 'POST', CREATE, {
    body: { repo: account.did, collection: POST, record: post(place.serviceDid, text, ['general']) },
  })

describe('a setting', () => {
  it('STRATOS_SIGNING_KEY_HEX is the key in the DID document, under the name of STRATOS_SERVICE_FRAGMENT too', async () => {
    const { body } = await sendRequest('GET', `${service.url}/.well-known/did.json`)
    const key = (await Secp256k1Keypair.import(KEY)).did().slice('did:key:'.length)
    expect(
      body.verificationMethod.map((method: { id: string; publicKeyMultibase: string }) => [
        method.id,
        method.publicKeyMultibase,
      ]),
    ).toEqual([
      [`${place.serviceDid}#atproto`, key],
      [`${place.serviceDid}#house`, key],
    ])
    const aud = `${place.serviceDid}#house`
    const lxm = 'zone.stratos.server.listSessions'
    const ask = async (audience: string) => {
      const exp = Math.floor(Date.now() / 1000) + 60
      const token = await user.account.serviceJwt({ aud: audience, lxm, exp })
      const headers = { authorization: `Bearer ${token}` }
      return (await sendRequest('GET', `${service.url}/xrpc/${lxm}`, { headers })).status
    }
    expect(await ask(aud)).toBe(200)
    expect(await ask(`${place.serviceDid}#atproto_pns`)).toBe(401)
  })

  it('STRATOS_ADMIN_DIDS lets an account administer, and no other', async () => {
    expect((await callAs(place, operator, 'GET', 'zone.stratos.admin.stats')).status).toBe(200)
    expect((await callAs(place, user, 'GET', 'zone.stratos.admin.stats')).status).toBe(401)
  })

  it('STRATOS_OPERATOR_CONTACT is told to servers that are asked something', async () => {
    const told: string[] = []
    const document = user.pages.get('/.well-known/did.json')
    user.pages.set('/.well-known/did.json', (req, body) => {
      told.push(String(req.headers['user-agent']))
      return document?.(req, body) ?? null
    })
    expect((await enrollMadeUp(place, user)).body).toMatchObject({ did: user.did, enrolled: true })
    expect(told.join()).toContain('mailto:operator@example.com')
  })

  it('STRATOS_IMPORT_MAX_BYTES bounds an import', async () => {
    await enrollMadeUp(place, user)
    const records = Object.fromEntries(
      Array.from({ length: 6 }, (_, n) => [
        `${POST}/3jzfcijpj22${n + 2}a`,
        post(place.serviceDid, `post ${n} ${'x'.repeat(280)}`, ['general']),
      ]),
    )
    const send = async (car: Buffer) => {
      const exp = Math.floor(Date.now() / 1000) + 60
      const token = await user.account.serviceJwt({ aud: place.serviceDid, lxm: IMPORT, exp })
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/vnd.ipld.car' }
      return sendRequest('POST', `${service.url}/xrpc/${IMPORT}`, { body: car, headers })
    }
    expect(await send(await archiveOf(user.did, records))).toMatchObject({
      status: 400,
      body: { error: 'InvalidCar', message: expect.stringContaining('at most 2000 bytes') },
    })
  })

  it('STRATOS_WRITE_RATE_WINDOW_MS is how long a write counts, and STRATOS_OPEN_ACTORS=1 is enough', async () => {
    await enrollMadeUp(place, operator)
    const refused: number[] = []
    for (const account of [user, operator]) {
      const first = await create(account, 'first')
      expect(first.headers['ratelimit-policy']).toBe('1;w=1')
      const answers = [first]
      while (answers.filter(({ status }) => status === 200).length < 3)
        answers.push(await create(account, 'more'))
      refused.push(...answers.map(({ status }) => status).filter((status) => status !== 200))
      const list = { repo: account.did, collection: POST }
      const { body } = await callAs(place, account, 'GET', 'com.atproto.repo.listRecords', { params: list })
      expect(body.records).toHaveLength(3)
    }
    expect(new Set(refused)).toEqual(new Set([429]))
  })

  it('STRATOS_MIN_FREE_DISK_MIB makes a service unready that has less', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'stratos-full-'))
    const env = {
      STRATOS_SERVICE_DID: 'did:web:stratos.example',
      STRATOS_PUBLIC_URL: 'https://stratos.example',
      STRATOS_ALLOWED_DOMAINS: 'general',
      STRATOS_DATA_DIR: dataDir,
      STRATOS_HOST: '127.0.0.1',
      STRATOS_PORT: '0',
      STRATOS_MIN_FREE_DISK_MIB: '1000000000',
    }
    const full = await startService(buildConfig(readEnv(env)), createLogger('silent'))
    try {
      const answer = await sendRequest('GET', `http://127.0.0.1:${full.port}/ready`)
      expect(answer).toMatchObject({ status: 503, body: { components: { db: 'ok', disk: 'failed' } } })
    } finally {
      await full.close()
      rmSync(dataDir, { recursive: true })
    }
  })
})
