import { describe, expect, it } from 'vitest'
import { cpuMsOf, readUsage, waitUntilIdle } from './service-usage.ts'

describe('cpuMsOf', () => {
  it.each([
    ['a plain name', '42 (node) S 1 42 42 0 -1 4194560 100 0 0 0 150 25 0 0 20 0 11 0 5 6'],
    ['a name like fields', '42 (a) S 1 2 (b) S 1 42 42 0 -1 4194560 100 0 0 0 150 25 0 0 20 0 11 0 5 6'],
  ])('adds user and system time after %s', (_, stat) => {
    expect(cpuMsOf(stat)).toBe(1750)
  })
})

describe.runIf(process.platform === 'linux')('the usage of a process', () => {
  it('is that of this process, as far as it knows itself', () => {
    const { user, system } = process.cpuUsage()
    const usage = readUsage(process.pid)
    expect(usage?.cpuMs).toBeGreaterThan((user + system) / 1000 - 100)
    expect(usage?.rssMiB).toBeGreaterThan(process.memoryUsage().heapUsed / 2 ** 20)
    expect(usage?.peakRssMiB).toBeGreaterThanOrEqual(usage?.rssMiB ?? Number.NaN)
    expect(usage?.fileDescriptors).toBeGreaterThan(3)
  })

  it('is null when there is no such process', () => {
    expect(readUsage(2 ** 30)).toBeNull()
  })

  it('is not idle when no time is left to look', async () => {
    expect(await waitUntilIdle(process.pid, 0)).toBe(false)
  })
})
