import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openPlace, type NetworkPlace } from './network-place.ts'

let dataDir: string
const open: NetworkPlace[] = []

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'network-place-'))
})
afterEach(async () => {
  for (const place of open.splice(0)) await place.close()
  rmSync(dataDir, { recursive: true })
})

async function opened(options: Parameters<typeof openPlace>[0]): Promise<NetworkPlace> {
  const place = await openPlace(options)
  open.push(place)
  return place
}

const portsOf = (place: NetworkPlace): number[] =>
  [place.plc, place.pds, place.service, place.webapp, place.indexer].map((p) => p.port)

describe('the place of a network', () => {
  it('is the same place with the same secret when its directory is opened again', async () => {
    const first = await opened({ dataDir })
    await first.close()
    const second = await opened({ dataDir })
    expect(portsOf(second)).toEqual(portsOf(first))
    expect(second.adminPassword).toBe(first.adminPassword)
    expect(statSync(join(dataDir, 'network.json')).mode & 0o077).toBe(0)
  })

  it('cannot be opened twice at a time', async () => {
    await opened({ dataDir })
    await expect(openPlace({ dataDir })).rejects.toThrow(/is taken/)
  })

  it('refuses a file, and a directory that holds something else, without keeping ports', async () => {
    await expect(openPlace({ dataDir: import.meta.filename })).rejects.toThrow(/is not a directory/)
    await expect(openPlace({ dataDir: import.meta.dirname })).rejects.toThrow(/holds something else/)
  })

  it('does not move to other ports', async () => {
    const first = await opened({ dataDir })
    await first.close()
    await expect(openPlace({ dataDir, portBase: first.plc.port + 10 })).rejects.toThrow(/cannot move/)
  })

  it('uses any free ports when the preferred ones are taken, and refuses when they are demanded', async () => {
    const first = await opened({})
    const base = first.plc.port
    expect(portsOf(await opened({ preferredPortBase: base }))).not.toContain(base)
    await expect(openPlace({ portBase: base })).rejects.toThrow(`port ${base} is taken`)
  })

  it('removes a temporary directory at the end and keeps a given one', async () => {
    const temporary = await openPlace({})
    expect(existsSync(temporary.directory)).toBe(true)
    await temporary.close()
    expect(existsSync(temporary.directory)).toBe(false)
    await (await openPlace({ dataDir })).close()
    expect(existsSync(dataDir)).toBe(true)
  })
})
