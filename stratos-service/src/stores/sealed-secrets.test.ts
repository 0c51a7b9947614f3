import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NodeSavedSession, NodeSavedState } from '@atproto/oauth-client-node'
import { newActor } from 'stratos-core/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  createDatabase,
  DATABASES,
  dumpTables,
  postgresEnv,
  settingsOf,
} from '../../tests/_util/databases.ts'
import { openStorage, type Storage } from './open-storage.ts'

const [ONE, TWO] = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')]

describe.each(DATABASES)('secrets at rest on %s', (name) => {
  let directory: string
  let database: Awaited<ReturnType<typeof createDatabase>> | null
  const opened = new Set<Storage>()

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'stratos-sealed-'))
    database = name === 'SQLite' ? null : await createDatabase()
  })
  afterEach(async () => {
    for (const storage of opened) await storage.close()
    opened.clear()
    await database?.drop()
    rmSync(directory, { recursive: true })
  })

  async function open(keys: Record<string, string>): Promise<Storage> {
    const layout = name === 'Postgres, one schema' ? 'shared' : 'schema'
    const place = database === null ? {} : postgresEnv(database.url, layout)
    const storage = await openStorage(settingsOf(directory, { ...place, ...keys }), Date.now)
    opened.add(storage)
    return storage
  }

  async function close(storage: Storage): Promise<void> {
    opened.delete(storage)
    await storage.close()
  }

  /** Everything that is stored, the write-ahead logs too. */
  async function storedBytes(): Promise<Buffer> {
    const names = await readdir(directory, { recursive: true })
    const files = names.map((entry) => join(directory, entry)).filter((path) => statSync(path).isFile())
    const rows = database === null ? '' : await dumpTables(database.url)
    return Buffer.concat([...files.map((path) => readFileSync(path)), Buffer.from(rows, 'latin1')])
  }

  async function keepSecrets(storage: Storage) {
    const canaries = Array.from({ length: 4 }, () => `canary-${randomBytes(12).toString('hex')}`)
    const [refresh, dpop, verifier, stateKey] = canaries
    const did = await newActor(storage.actors)
    const session = {
      tokenSet: { refresh_token: refresh },
      dpopJwk: { d: dpop },
    } as object as NodeSavedSession
    const state = { verifier, dpopJwk: { d: stateKey } } as object as NodeSavedState
    await storage.oauthSessions.set(did, session)
    await storage.oauthStates.set('state', state)
    const key = (await storage.actors.signingKey(did)).did()
    const serviceKey = randomBytes(32)
    await storage.serviceKey.loadOrCreate(() => serviceKey)
    const readBack = async (from: Storage) => {
      expect(await from.oauthSessions.get(did)).toEqual(session)
      expect(await from.oauthStates.get('state')).toEqual(state)
      expect((await from.actors.signingKey(did)).did()).toBe(key)
      const found = await from.serviceKey.loadOrCreate(() => randomBytes(32))
      expect(Buffer.from(found).equals(serviceKey)).toBe(true)
    }
    return { canaries: [...canaries.map((text) => Buffer.from(text)), serviceKey], readBack }
  }

  const foundOf = async (canaries: readonly Buffer[]) => {
    const bytes = await storedBytes()
    return canaries.filter((canary) => bytes.includes(canary)).length
  }

  it('OAU-017: refresh tokens and private keys are nowhere to be found, neither while the service runs nor after', async () => {
    const storage = await open({ STRATOS_MASTER_KEY: ONE })
    const { canaries, readBack } = await keepSecrets(storage)
    expect(await foundOf(canaries)).toBe(0)
    await close(storage)
    expect(await foundOf(canaries)).toBe(0)
    await readBack(await open({ STRATOS_MASTER_KEY: ONE }))
  })

  it('are found in clear without a master key, so that the test above can fail', async () => {
    const { canaries } = await keepSecrets(await open({}))
    expect(await foundOf(canaries)).toBe(canaries.length)
  })

  it('are sealed when a master key comes, and sealed anew when another one comes', async () => {
    const clear = await open({})
    const { canaries, readBack } = await keepSecrets(clear)
    await close(clear)

    const first = await open({ STRATOS_MASTER_KEY: ONE })
    expect(first.secretForms).toEqual(['clear', first.vault.form])
    await readBack(first)
    expect(await first.rewrap()).toBe(4)
    expect(await first.rewrap()).toBe(0)
    await readBack(first)
    await close(first)
    expect(await foundOf(canaries)).toBe(0)

    const second = await open({ STRATOS_MASTER_KEY: TWO, STRATOS_MASTER_KEY_PREVIOUS: ONE })
    expect(await second.rewrap()).toBe(4)
    await close(second)
    const third = await open({ STRATOS_MASTER_KEY: TWO })
    expect(third.secretForms).toEqual([third.vault.form])
    await readBack(third)
  })

  it('keep the service from starting without what opens them', async () => {
    const first = await open({ STRATOS_MASTER_KEY: ONE })
    await keepSecrets(first)
    await close(first)
    await expect(open({})).rejects.toThrow(/sealed with master key [0-9a-f]{16}/)
    await expect(open({ STRATOS_MASTER_KEY: TWO })).rejects.toThrow(/set it as STRATOS_MASTER_KEY/)
    // Whoever began with the new key needs both until everything is sealed with it.
    await close(await open({ STRATOS_MASTER_KEY: TWO, STRATOS_MASTER_KEY_PREVIOUS: ONE }))
    await expect(open({ STRATOS_MASTER_KEY: ONE })).rejects.toThrow(/sealed with master key/)
    await expect(open({ STRATOS_MASTER_KEY: TWO })).rejects.toThrow(/sealed with master key/)
  })
})
