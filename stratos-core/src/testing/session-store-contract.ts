import { expect, it } from 'vitest'
import type { Did } from '../ids.ts'
import type { SessionKey, SessionStore } from '../storage/session-store.ts'
import { newDid } from './samples.ts'

const NOW = 1_700_000_000_000

/** What every implementation of `SessionStore` must do. Call it inside `describe`. */
export function sessionStoreContract(open: () => SessionStore): void {
  let made = 0
  const keyOf = (did: Did, atMs = NOW, ttlMs = 1_000): SessionKey => {
    made += 1
    const jkt = `${newDid().slice(-24)}-${made}`.padEnd(43, 'x').slice(0, 43)
    return { jkt, did, createdAtMs: atMs, expiresAtMs: atMs + ttlMs }
  }
  const jkts = async (did: Did) => (await open().list(did)).map(({ jkt }) => jkt)

  it('finds a key as it was registered, until it expires', async () => {
    const key = keyOf(newDid())
    expect(await open().find(key.jkt, NOW)).toBeNull()
    expect(await open().register(key, 10)).toBe('registered')
    expect(await open().find(key.jkt, NOW)).toEqual(key)
    expect(await open().find(key.jkt, key.expiresAtMs - 1)).toEqual(key)
    expect(await open().find(key.jkt, key.expiresAtMs)).toBeNull()
  })

  it('renews a key for the DID that has it', async () => {
    const key = keyOf(newDid())
    await open().register(key, 10)
    const renewed = { ...key, createdAtMs: NOW + 500, expiresAtMs: NOW + 1_500 }
    expect(await open().register(renewed, 10)).toBe('registered')
    expect(await open().list(key.did)).toEqual([renewed])
  })

  it('refuses a key that speaks for somebody else, and changes nothing then', async () => {
    const key = keyOf(newDid())
    await open().register(key, 10)
    expect(await open().register({ ...key, did: newDid() }, 10)).toBe('in-use')
    expect(await open().find(key.jkt, NOW)).toEqual(key)
  })

  it('takes over a key whose registration for somebody else has expired', async () => {
    const key = keyOf(newDid())
    await open().register(key, 10)
    const later = {
      ...key,
      did: newDid(),
      createdAtMs: key.expiresAtMs,
      expiresAtMs: key.expiresAtMs + 1_000,
    }
    expect(await open().register(later, 10)).toBe('registered')
    expect(await open().find(key.jkt, key.expiresAtMs)).toEqual(later)
  })

  it('gives a key to one of several DIDs that ask at the same time', async () => {
    const { jkt } = keyOf(newDid())
    const dids = Array.from({ length: 8 }, newDid)
    const answers = await Promise.all(dids.map((did) => open().register({ ...keyOf(did), jkt }, 10)))
    expect(answers.filter((answer) => answer === 'registered')).toHaveLength(1)
    const winner = dids[answers.indexOf('registered')]
    expect((await open().find(jkt, NOW))?.did).toBe(winner)
  })

  it('keeps the newest keys of a DID, in order', async () => {
    const did = newDid()
    const keys = [0, 1, 2, 3].map((index) => keyOf(did, NOW + index))
    for (const key of keys) await open().register(key, 3)
    expect(await jkts(did)).toEqual(keys.slice(1).map(({ jkt }) => jkt))
    await open().register(keyOf(did, NOW + 4), 1)
    expect(await jkts(did)).toHaveLength(1)
  })

  it('keeps no more than allowed when many come at the same time', async () => {
    const did = newDid()
    await Promise.all([0, 1, 2, 3, 4, 5].map((index) => open().register(keyOf(did, NOW + index), 3)))
    expect((await jkts(did)).length).toBeLessThanOrEqual(3)
  })

  it('forgets one key, or all of a DID', async () => {
    const did = newDid()
    const [one, two, three] = [keyOf(did), keyOf(did), keyOf(newDid())]
    for (const key of [one, two, three]) await open().register(key, 10)
    await open().delete(one.jkt)
    await open().delete(one.jkt)
    expect(await jkts(did)).toEqual([two.jkt])
    expect(await open().deleteAll(did)).toBe(1)
    expect(await open().deleteAll(did)).toBe(0)
    expect(await open().find(three.jkt, NOW)).toEqual(three)
  })
}
