import { setTimeout as pause } from 'node:timers/promises'
import type { Network } from 'test-network'
import type { Floor, FloorSample } from './floors/floor.ts'
import type { LoadResult, RunLimits } from './load/closed-loop.ts'
import type { LoadProcess } from './load/load-process.ts'
import { readUsage, waitUntilIdle, type Usage } from './service-usage.ts'
import type { Workload } from './workloads/workload.ts'

const TARGET = { kind: 'workload' } as const
const MAX_FLOOR_SECONDS = 0.5
const MIN_SETTLE_MS = 50
const MAX_SETTLE_MS = 30_000

export type FloorSamples = Readonly<Record<Workload['floor'], FloorSample>>

export interface Round {
  /** Means of the samples before and after the load. */
  readonly floors: FloorSamples
  readonly load: LoadResult
  /** Of the service, during the load; null where it cannot be read. */
  readonly cpuMs: number | null
  /** The same, and what the service went on to do for it afterwards. */
  readonly cpuUntilIdleMs: number | null
  /** False if it was still at work when the floors were sampled again. */
  readonly settled: boolean
  readonly usage: Usage | null
}

export interface RoundParts {
  readonly network: Network
  readonly load: LoadProcess
  readonly floors: Readonly<Record<Workload['floor'], Floor>>
  readonly workload: Workload
  readonly seconds: number
}

/** Watches the load of one round, which it has to start. */
export type Watch = (run: () => Promise<LoadResult>) => Promise<LoadResult>

/**
 * Floors and load in turn: floors, load, floors, load, …, floors.
 *
 * @param watch is asked before each round, whose number counts from 1
 */
export async function runRounds(
  parts: RoundParts,
  count: number,
  watch: (round: number) => Watch,
): Promise<Round[]> {
  await warmUp(parts)
  const rounds: Round[] = []
  let before = await sampleFloors(parts)
  while (rounds.length < count) {
    const load = await runLoad(parts, watch(rounds.length + 1))
    const after = await sampleFloors(parts)
    const floors = { write: meanOf(before.write, after.write), read: meanOf(before.read, after.read) }
    rounds.push({ ...load, floors })
    before = after
  }
  return rounds
}

/** Lets everything run before it counts: code is compiled, caches fill, and the rate becomes known. */
async function warmUp(parts: RoundParts): Promise<void> {
  await sampleFloors(parts)
  const limits = limitsOf(parts)
  // Requests are made ahead at the rate of the run before, and there is none before the first.
  for (const part of [{ ...limits, seconds: limits.seconds / 4 }, limits]) {
    await parts.load.prepare(TARGET, part)
    await parts.load.run(TARGET, part)
  }
  await settle(parts)
}

async function runLoad(parts: RoundParts, watch: Watch): Promise<Omit<Round, 'floors'>> {
  const { load, network } = parts
  const limits = limitsOf(parts)
  await load.prepare(TARGET, limits)
  const before = usageOf(network)
  const result = await watch(() => load.run(TARGET, limits))
  const after = usageOf(network)
  const settled = await settle(parts)
  return {
    load: result,
    cpuMs: cpuBetween(before, after),
    cpuUntilIdleMs: cpuBetween(before, usageOf(network)),
    settled,
    usage: after,
  }
}

function limitsOf({ workload, seconds }: RoundParts): RunLimits {
  return { seconds, maxOperations: workload.maxOperations }
}

async function sampleFloors({ floors, seconds }: RoundParts): Promise<FloorSamples> {
  const each = Math.min(seconds, MAX_FLOOR_SECONDS)
  return { write: await floors.write.sample(each), read: await floors.read.sample(each) }
}

function meanOf(a: FloorSample, b: FloorSample): FloorSample {
  return { p50Ms: (a.p50Ms + b.p50Ms) / 2, timeMs: (a.timeMs + b.timeMs) / 2 }
}

/** What the service still does for the load, stubs above all, must not slow down the next floor. */
async function settle({ network, workload }: RoundParts): Promise<boolean> {
  const { pid } = network.service
  if (pid === null) throw new Error('the service has ended')
  if (workload.stubs === 'full') return waitUntilIdle(pid, MAX_SETTLE_MS)
  await pause(MIN_SETTLE_MS)
  return true
}

function usageOf({ service }: Network): Usage | null {
  return service.pid === null ? null : readUsage(service.pid)
}

function cpuBetween(before: Usage | null, after: Usage | null): number | null {
  return before === null || after === null ? null : after.cpuMs - before.cpuMs
}
