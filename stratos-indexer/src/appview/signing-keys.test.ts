import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DidResolver } from '@atproto/identity'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { BoundedDidCache } from '../identity/did-cache.ts'
import { openDatabase, type Database } from '../tables/database.ts'
import { SigningKeys } from './signing-keys.ts'

const ALICE = 'did:web:alice.example'
const MULTIKEY = 'zQ3shunBKsXixLxKtC5qeSG9E4J5RkGN57im31pcTzbNQnm5w'

const directory = mkdtempSync(join(tmpdir(), 'stratos-keys-'))
let database: Database

beforeAll(async () => {
  database = await openDatabase({ kind: 'sqlite', file: join(directory, 'index.sqlite') })
  const at = '2026-01-01T00:00:00.000Z'
  await database.db
    .insertInto('stratos_enrollment')
    .values({
      did: ALICE,
      service: 'did:web:stratos.example',
      serviceUrl: 'https://stratos.example',
      enrolledAt: at,
      lastChecked: at,
      boundaries: '[]',
    })
    .execute()
})
afterAll(async () => {
  await database.close()
  rmSync(directory, { recursive: true })
})

/** DID documents of everybody: at once for alice, never for others. */
function make() {
  const asked: string[] = []
  const fetch: typeof globalThis.fetch = async (input) => {
    const host = new URL(input instanceof Request ? input.url : input).host
    asked.push(host)
    if (host !== 'alice.example') return new Promise(() => undefined)
    const key = { id: `${ALICE}#atproto`, type: 'Multikey', controller: ALICE, publicKeyMultibase: MULTIKEY }
    return Response.json({ id: ALICE, verificationMethod: [key] })
  }
  const clock = { nowMs: 0 }
  const resolver = { did: new DidResolver({ didCache: new BoundedDidCache(), fetch, timeout: 60_000 }) }
  const keys = new SigningKeys({ db: database.db, resolver, nowMs: () => clock.nowMs })
  return { keys, asked, clock }
}

it('finds the keys of enrolled accounts however many strangers are being looked up', async () => {
  const { keys } = make()
  const strangers = Array.from({ length: 40 }, (_, n) => keys.find(`did:web:stranger${n}.example`, false))
  const refused = await Promise.race(strangers.map((one) => one.then(String, (err: Error) => err.message)))
  expect(refused).toBe('too many keys are being looked up')
  expect(await keys.find(ALICE, false)).toBe(`did:key:${MULTIKEY}`)
})

it('asks for a key anew when tokens do not match it, and not for each of them', async () => {
  const { keys, asked, clock } = make()
  clock.nowMs = 1_000_000
  await keys.find(ALICE, false)
  await keys.find(ALICE, false)
  expect(asked).toHaveLength(1)
  for (let n = 0; n < 5; n += 1) await keys.find(ALICE, true)
  expect(asked).toHaveLength(2)
  clock.nowMs += 10_000
  await keys.find(ALICE, true)
  expect(asked).toHaveLength(3)
})
