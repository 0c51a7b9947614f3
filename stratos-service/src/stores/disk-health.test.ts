import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { DiskHealth } from './disk-health.ts'

it('fails when there is no room, or nothing can be written, and leaves nothing behind', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'stratos-disk-'))
  const clock = { nowMs: 0 }
  const healthOf = (minFreeBytes: number) =>
    new DiskHealth({ directory, minFreeBytes, nowMs: () => clock.nowMs })
  const health = healthOf(1)
  expect(await health.check()).toBe('ok')
  expect(await healthOf(2 ** 60).check()).toBe('failed')
  expect(readdirSync(directory)).toEqual([])
  rmSync(directory, { recursive: true })
  expect(await health.check()).toBe('ok')
  clock.nowMs += 2_000
  expect(await health.check()).toBe('failed')
})
