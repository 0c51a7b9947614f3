import { parseDid, StratosError } from 'stratos-core'
import { beforeAll, describe, expect, it } from 'vitest'
import { Account, Directory, MemorySessionStore } from '../../tests/_util/signing.ts'
import { ReplayCache } from './replay-cache.ts'
import { ServiceJwts } from './service-jwt.ts'
import { CREATE_SESSION, SessionKeys } from './session-key.ts'

const US = 'did:web:stratos.example'
const TTL_MS = 3_600_000

let alice: Account
let bob: Account

beforeAll(async () => {
  alice = await Account.create('did:plc:alice')
  bob = await Account.create('did:plc:bob')
})

function setUp() {
  const clock = { nowMs: 1_800_000_000_000 }
  const nowMs = () => clock.nowMs
  const store = new MemorySessionStore()
  const directory = new Directory(() => new StratosError('AuthenticationRequired', 'unknown DID'))
  for (const account of [alice, bob]) directory.publish(account.did, account.signingKey)
  const replays = new ReplayCache({ shared: null, nowMs })
  const jwts = new ServiceJwts({ audiences: new Set([US]), keys: directory, replays, nowMs })
  const instance = () => new SessionKeys({ store, jwts, ttlMs: TTL_MS, nowMs })
  const permit = (account: Account, lxm: string = CREATE_SESSION) =>
    account.serviceJwt({ aud: US, lxm, exp: Math.floor(clock.nowMs / 1000) + 60 })
  return { clock, store, keys: instance(), instance, permit }
}

describe('SessionKeys', () => {
  it('lets a key speak for whoever signed, until its time is over', async () => {
    const { keys, clock, permit } = setUp()
    const session = await keys.register(await permit(alice), 'k1')
    expect(session).toEqual({
      jkt: 'k1',
      did: alice.did,
      createdAtMs: clock.nowMs,
      expiresAtMs: clock.nowMs + TTL_MS,
    })
    expect(await keys.find('k1')).toEqual(session)
    clock.nowMs = session.expiresAtMs - 1
    expect(await keys.find('k1')).toEqual(session)
    clock.nowMs = session.expiresAtMs
    expect(await keys.find('k1')).toBeNull()
  })

  it('does not know a key that nobody registered', async () => {
    expect(await setUp().keys.find('k1')).toBeNull()
  })

  it('wants a token that was made for registering, and takes it once', async () => {
    const { keys, permit, store } = setUp()
    const other = await permit(alice, 'zone.stratos.repo.createRecord')
    await expect(keys.register(other, 'k1')).rejects.toMatchObject({ code: 'AuthenticationRequired' })
    const token = await permit(alice)
    await keys.register(token, 'k1')
    await expect(keys.register(token, 'k2')).rejects.toMatchObject({ code: 'AuthenticationRequired' })
    expect(await store.list(alice.did)).toHaveLength(1)
  })

  it('renews a key for the same account and for no other', async () => {
    const { keys, clock, permit } = setUp()
    await keys.register(await permit(alice), 'k1')
    await keys.find('k1')
    clock.nowMs += 1_000
    const renewed = await keys.register(await permit(alice), 'k1')
    expect(await keys.find('k1')).toEqual(renewed)
    await expect(keys.register(await permit(bob), 'k1')).rejects.toMatchObject({ code: 'KeyInUse' })
    expect(await keys.find('k1')).toEqual(renewed)
  })

  it('keeps the fifty youngest keys of an account', async () => {
    const { keys, clock, permit, instance } = setUp()
    await keys.register(await permit(bob), 'bob')
    for (let i = 0; i < 52; i++) {
      clock.nowMs += 1
      await keys.register(await permit(alice), `k${i}`)
    }
    const fresh = instance()
    const found = await Promise.all(['k0', 'k1', 'k2', 'k51', 'bob'].map((jkt) => fresh.find(jkt)))
    expect(found.map((key) => key?.jkt)).toEqual([undefined, undefined, 'k2', 'k51', 'bob'])
  })

  it('drops one key, or all keys of an account, at once', async () => {
    const { keys, permit } = setUp()
    for (const jkt of ['k1', 'k2', 'k3']) await keys.register(await permit(alice), jkt)
    await keys.register(await permit(bob), 'bob')
    for (const jkt of ['k1', 'k2', 'k3', 'bob']) await keys.find(jkt)
    await keys.delete(parseDid(bob.did), 'k1')
    expect(await keys.find('k1')).not.toBeNull()
    await keys.delete(parseDid(alice.did), 'k1')
    expect(await keys.find('k1')).toBeNull()
    expect(await keys.find('k2')).not.toBeNull()
    expect(await keys.deleteAll(parseDid(alice.did))).toBe(2)
    expect([await keys.find('k2'), await keys.find('k3')]).toEqual([null, null])
    expect(await keys.find('bob')).not.toBeNull()
  })

  describe('with several instances', () => {
    it('finds a key right after it was registered elsewhere', async () => {
      const { keys, instance, permit } = setUp()
      const other = instance()
      expect(await other.find('k1')).toBeNull()
      await keys.register(await permit(alice), 'k1')
      expect(await other.find('k1')).toMatchObject({ did: alice.did })
    })

    it('asks the store at most every five seconds, and no later than that', async () => {
      const { keys, instance, permit, clock, store } = setUp()
      await keys.register(await permit(alice), 'k1')
      const other = instance()
      await other.find('k1')
      await keys.delete(parseDid(bob.did), 'k1')
      expect(await keys.find('k1')).not.toBeNull()
      await keys.delete(parseDid(alice.did), 'k1')
      const readsBefore = store.reads
      clock.nowMs += 4_999
      expect(await other.find('k1')).not.toBeNull()
      expect(store.reads).toBe(readsBefore)
      clock.nowMs += 1
      expect(await other.find('k1')).toBeNull()
    })
  })
})
