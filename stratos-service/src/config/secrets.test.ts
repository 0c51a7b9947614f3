import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadOrCreateSecret, replaceSecret } from './secrets.ts'

describe('a secret file', () => {
  let directory: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'stratos-secret-'))
  })
  afterEach(() => rm(directory, { recursive: true }))

  it('is made once, for its owner alone, and read from then on', async () => {
    const path = join(directory, 'keys', 'key')
    const made = await loadOrCreateSecret(path, async () => Uint8Array.of(1, 2, 3))
    const read = await loadOrCreateSecret(path, async () => Uint8Array.of(9))
    expect([[...made], [...read]]).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ])
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect((await stat(join(directory, 'keys'))).mode & 0o777).toBe(0o700)
    expect(await readdir(join(directory, 'keys'))).toEqual(['key'])
  })

  it('is the same for all that make it at once', async () => {
    const path = join(directory, 'key')
    const made = await Promise.all(
      [1, 2, 3, 4].map((n) => loadOrCreateSecret(path, async () => Uint8Array.of(n))),
    )
    expect(new Set(made.map(([n]) => n)).size).toBe(1)
    expect(await readdir(directory)).toEqual(['key'])
  })

  it('can be replaced, and stays for its owner alone', async () => {
    const path = join(directory, 'key')
    await writeFile(path, Uint8Array.of(5))
    await chmod(path, 0o644)
    await replaceSecret(path, Uint8Array.of(6, 7))
    expect([...(await loadOrCreateSecret(path, async () => Uint8Array.of(9)))]).toEqual([6, 7])
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(await readdir(directory)).toEqual(['key'])
  })

  it('is closed to others if it was open', async () => {
    const path = join(directory, 'key')
    await writeFile(path, Uint8Array.of(5))
    await chmod(path, 0o644)
    await loadOrCreateSecret(path, async () => Uint8Array.of(9))
    expect((await stat(path)).mode & 0o777).toBe(0o600)
  })
})
