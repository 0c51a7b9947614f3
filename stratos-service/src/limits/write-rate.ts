import type { RateAllowance, WriteRate } from 'stratos-core'

/** What has to be remembered of one user. */
export interface WriteRateState {
  /** When how many writes happened, oldest first. */
  readonly recent: readonly (readonly [atMs: number, writes: number])[]
  readonly pausedUntilMs: number
}

export const NO_WRITES: WriteRateState = { recent: [], pausedUntilMs: 0 }

export interface Charge {
  readonly state: WriteRateState
  /** null if the writes were counted. */
  readonly retryAfterMs: number | null
}

/** Counts writes, or begins a pause because they do not fit, or refuses them because of one. */
export function chargeWrites(
  state: WriteRateState,
  writes: number,
  rate: WriteRate,
  nowMs: number,
  random: () => number,
): Charge {
  if (nowMs < state.pausedUntilMs) return { state, retryAfterMs: state.pausedUntilMs - nowMs }
  if (writes === 0) return { state, retryAfterMs: null }
  const recent = state.recent.filter(([atMs]) => atMs > nowMs - rate.windowMs)
  const counted = recent.reduce((sum, [, count]) => sum + count, 0)
  if (counted + writes > rate.maxWrites) {
    const retryAfterMs = rate.cooldownMs + Math.floor(random() * rate.cooldownJitterMs)
    return { state: { recent, pausedUntilMs: nowMs + retryAfterMs }, retryAfterMs }
  }
  return { state: { recent: [...recent, [nowMs, writes]], pausedUntilMs: 0 }, retryAfterMs: null }
}

/** Takes back the newest of the writes that a state counts. */
export function refundWrites({ recent, pausedUntilMs }: WriteRateState, writes: number): WriteRateState {
  const kept: (readonly [number, number])[] = []
  let rest = writes
  for (const [atMs, count] of recent.toReversed()) {
    const left = count - Math.min(rest, count)
    rest -= count - left
    if (left > 0) kept.push([atMs, left])
  }
  return { recent: kept.reverse(), pausedUntilMs }
}

/** What a state leaves of the window. */
export function allowanceOf(state: WriteRateState, rate: WriteRate, nowMs: number): RateAllowance {
  const recent = state.recent.filter(([atMs]) => atMs > nowMs - rate.windowMs)
  const counted = recent.reduce((sum, [, count]) => sum + count, 0)
  const oldestAtMs = recent[0]?.[0] ?? nowMs
  return {
    limit: rate.maxWrites,
    windowMs: rate.windowMs,
    remaining: rate.maxWrites - counted,
    resetAfterMs: Math.max(0, oldestAtMs + rate.windowMs - nowMs),
  }
}

/** From when on a state says no more than `NO_WRITES`. */
export function idleAtMs({ recent, pausedUntilMs }: WriteRateState, rate: WriteRate): number {
  return Math.max(pausedUntilMs, (recent.at(-1)?.[0] ?? 0) + rate.windowMs)
}
