import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { SqliteWriteFloor } from './sqlite-write-floor.ts'

let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'stratos-bench-'))
})

afterEach(() => {
  rmSync(directory, { recursive: true })
})

it('takes some time for each write, sample after sample, and leaves nothing behind', async () => {
  const floor = new SqliteWriteFloor(directory)
  for (let sample = 0; sample < 2; sample += 1) {
    const { p50Ms, timeMs } = await floor.sample(0.01)
    expect(p50Ms).toBeGreaterThan(0)
    expect(timeMs).toBe(p50Ms)
  }
  expect(readdirSync(directory).length).toBeGreaterThan(0)
  await floor.close()
  expect(readdirSync(directory)).toEqual([])
})
