import { describe, expect, it } from 'vitest'
import { formatTable } from './report-table.ts'
import { buildReport } from './report.ts'
import type { Round } from './rounds.ts'
import type { Workload } from './workloads/workload.ts'

const workload: Workload = {
  name: 'batch',
  summary: 'ten at a time',
  users: 1,
  connections: 2,
  itemsPerOperation: 10,
  floor: 'write',
  stubs: 'off',
  open: () => Promise.reject(new Error('a report opens nothing')),
}

function round(latenciesMs: number[], elapsedMs: number, floorMs: number, more: Partial<Round> = {}): Round {
  return {
    floors: { write: { p50Ms: floorMs, timeMs: floorMs }, read: { p50Ms: 0.2, timeMs: 0.1 } },
    load: { latenciesMs: Float64Array.from(latenciesMs), elapsedMs },
    cpuMs: 10,
    cpuUntilIdleMs: 20,
    settled: true,
    usage: { cpuMs: 500, rssMiB: 100, peakRssMiB: 120, fileDescriptors: 40 },
    ...more,
  }
}

const rounds = [
  round([2, 2, 8, 2], 10, 1),
  // A machine that was busy for a while slows the floor down too.
  round([20, 20], 50, 10),
  round([3, 3, 3, 3], 10, 1),
]

describe('a report', () => {
  const report = buildReport(workload, 'sqlite', 1, rounds)

  it('has the latencies of all requests', () => {
    expect(report).toMatchObject({ operations: 10, p50Ms: 3, p99Ms: 20 })
  })

  it('compares each round with its own floor and takes the median', () => {
    expect(report).toMatchObject({ against: 'write', ratiosP50: [2, 2, 3], ratioP50: 2 })
  })

  it('takes the median throughput, and counts records in the time of the floor', () => {
    // 0.4, 0.04 and 0.4 requests of 10 records a millisecond; times floors of 1, 10 and 1 ms.
    expect(report).toMatchObject({ opsPerSecond: 400, itemsPerFloorTime: 4 })
  })

  it('divides what the service used by the number of requests', () => {
    expect(report).toMatchObject({ cpuMsPerOp: 3, cpuMsPerOpUntilIdle: 6, rssMiB: 100, fileDescriptors: 40 })
  })

  it('says so when the use of the service could not be read', () => {
    const unknown = round([1], 1, 1, { cpuMs: null, cpuUntilIdleMs: null, usage: null })
    expect(buildReport(workload, 'sqlite', 1, [...rounds, unknown])).toMatchObject({
      cpuMsPerOp: null,
      cpuMsPerOpUntilIdle: null,
      rssMiB: null,
      peakRssMiB: null,
      fileDescriptors: null,
    })
  })

  it('says so when the service did not come to rest', () => {
    expect(report.settled).toBe(true)
    expect(
      buildReport(workload, 'sqlite', 1, [...rounds, round([1], 1, 1, { settled: false })]).settled,
    ).toBe(false)
  })
})

describe('the table', () => {
  it('shows requests and records', () => {
    expect(formatTable(buildReport(workload, 'sqlite', 1, rounds))).toContain(
      '400 requests/s, 4000 records/s',
    )
  })

  it('warns of few rounds and of a service that is still at work', () => {
    const few = formatTable(buildReport(workload, 'sqlite', 1, [round([1], 1, 1, { settled: false })]))
    expect(few).toContain('Fewer than 5 rounds')
    expect(few).toContain('still at work')
    const enough = formatTable(buildReport(workload, 'sqlite', 1, [...rounds, ...rounds]))
    expect(enough).not.toContain('Fewer than 5 rounds')
    expect(enough).not.toContain('still at work')
  })
})
