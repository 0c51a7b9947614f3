import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const cli = fileURLToPath(new URL('./cli.ts', import.meta.url))

async function run(args: readonly string[]) {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', cli, ...args])
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => (output[name] += chunk))
  }
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, ...output }
}

const positive = expect.toSatisfy((value) => typeof value === 'number' && value > 0, 'a positive number')
const positiveOrNull = expect.toSatisfy((value) => value === null || value >= 0, 'null or a number')

describe('the bench command', { timeout: 120_000 }, () => {
  it('prints one line of JSON on standard output and a table on standard error', async () => {
    const args = ['createRecord', '--stubs', 'off', '--rounds', '2', '--seconds', '0.1']
    const { code, stdout, stderr } = await run(args)
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining('p50 ÷ write floor') })
    expect(stdout.trim().split('\n')).toHaveLength(1)
    expect(JSON.parse(stdout)).toEqual({
      workload: 'createRecord',
      storage: 'sqlite',
      stubs: 'off',
      users: 1,
      connections: 1,
      itemsPerOperation: 1,
      rounds: 2,
      seconds: 0.1,
      operations: positive,
      opsPerSecond: positive,
      p50Ms: positive,
      p99Ms: positive,
      cpuMsPerOp: positiveOrNull,
      cpuMsPerOpUntilIdle: positiveOrNull,
      rssMiB: positiveOrNull,
      peakRssMiB: positiveOrNull,
      fileDescriptors: positiveOrNull,
      floors: { writeMs: positive, readMs: positive, readTimeMs: positive },
      against: 'write',
      ratioP50: positive,
      itemsPerFloorTime: positive,
      ratiosP50: [positive, positive],
      settled: true,
      node: process.version,
      processors: positive,
      loadAverage: positiveOrNull,
    })
  })

  it('ends with status 2 for a workload that does not exist', async () => {
    const { code, stdout, stderr } = await run(['noSuchWorkload'])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain('noSuchWorkload')
  })
})
