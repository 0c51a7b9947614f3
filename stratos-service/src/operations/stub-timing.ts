import type { Did } from 'stratos-core'

/** When public stubs are written, and how exactly they are dated. */
export interface StubTiming {
  /** When the stub of something that was written at `nowMs` may go out. */
  dueAtMs(did: Did, nowMs: number): number
  /** The date in a stub. @param createdAt a datetime as in the record */
  dateOf(createdAt: string): string
}

/** Stubs follow their records at once and have their dates. */
export const AT_ONCE: StubTiming = { dueAtMs: (_did, nowMs) => nowMs, dateOf: (createdAt) => createdAt }

/**
 * Stubs go out together once in a while, a user's own while, and are dated to the beginning of one: who watches the PDS
 * sees that something was written, changed or deleted since the last time, and not when.
 */
export function inBatches(everyMs: number): StubTiming {
  return {
    dueAtMs: (did, nowMs) => {
      const shiftMs = shiftOf(did) % everyMs
      return (Math.floor((nowMs - shiftMs) / everyMs) + 1) * everyMs + shiftMs
    },
    dateOf: (createdAt) => {
      const atMs = Date.parse(createdAt)
      return Number.isNaN(atMs) ? createdAt : new Date(Math.floor(atMs / everyMs) * everyMs).toISOString()
    },
  }
}

/** So that not everybody's stubs go out in the same moment. */
function shiftOf(did: Did): number {
  let sum = 0
  for (const character of did) sum = (sum * 31 + character.charCodeAt(0)) % 1_000_000_007
  return sum
}
