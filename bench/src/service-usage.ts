import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'

/** What a process has used so far, all threads together. */
export interface Usage {
  /** User and system time since its start, in steps of 10 ms. */
  readonly cpuMs: number
  readonly rssMiB: number
  readonly peakRssMiB: number
  readonly fileDescriptors: number
}

/** Linux counts times in hundredths of a second whatever its own clock does. */
const MS_PER_TICK = 10
/** Counted from the field after the name, which is the third. */
const UTIME = 11
const STIME = 12

const LOOK_EVERY_MS = 250
/** Timers and the like may go on. */
const IDLE_SHARE = 0.1

/** @returns null where there is no /proc to read it from */
export function readUsage(pid: number): Usage | null {
  const stat = readIfPresent(`/proc/${pid}/stat`)
  const status = readIfPresent(`/proc/${pid}/status`)
  if (stat === null || status === null) return null
  return {
    cpuMs: cpuMsOf(stat),
    rssMiB: mebibytesOf(status, 'VmRSS'),
    peakRssMiB: mebibytesOf(status, 'VmHWM'),
    fileDescriptors: readdirSync(`/proc/${pid}/fd`).length,
  }
}

/** @param stat contents of /proc/PID/stat; the name of the process may contain anything, parentheses included */
export function cpuMsOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[UTIME]) + Number(fields[STIME])) * MS_PER_TICK
}

const WATCH_EVERY_MS = 20

/** Looks at the memory of a process while something is done. @returns also by how much it grew at most, NaN where that cannot be seen */
export async function watchMemory<T>(
  pid: number | null,
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly growthMiB: number }> {
  const rssMiB = () => (pid === null ? null : readUsage(pid))?.rssMiB ?? Number.NaN
  const before = rssMiB()
  let most = before
  const watching = setInterval(() => (most = Math.max(most, rssMiB())), WATCH_EVERY_MS)
  try {
    return { result: await work(), growthMiB: most - before }
  } finally {
    clearInterval(watching)
  }
}

/**
 * Waits until a process has next to nothing left to do.
 *
 * @returns false if it is still busy after `timeoutMs`, or if that cannot be seen
 */
export async function waitUntilIdle(pid: number, timeoutMs: number): Promise<boolean> {
  const endsAt = performance.now() + timeoutMs
  let before = readUsage(pid)
  while (before !== null && performance.now() < endsAt) {
    const lookedAt = performance.now()
    await pause(LOOK_EVERY_MS)
    const now = readUsage(pid)
    if (now === null) return false
    if (now.cpuMs - before.cpuMs <= (performance.now() - lookedAt) * IDLE_SHARE) return true
    before = now
  }
  return false
}

function mebibytesOf(status: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s*(\\d+) kB`, 'm').exec(status)?.[1] ?? Number.NaN) / 1024
}

function readIfPresent(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (err) {
    if (err instanceof Error && 'code' in err && err.code === 'ENOENT') return null
    throw err
  }
}
