import { describe, expect, it } from 'vitest'
import type { Did } from 'stratos-core'
import { AT_ONCE, inBatches } from './stub-timing.ts'

const ALICE: Did = 'did:plc:alice'
const BOB: Did = 'did:plc:bob'
const EVERY_MS = 600_000
const START = Date.parse('2026-01-15T12:00:00.000Z')

describe('stubs in batches', () => {
  const { dueAtMs, dateOf } = inBatches(EVERY_MS)

  it('go out together, later than they were wished for and within one interval', () => {
    const times = Array.from({ length: 2_000 }, (_, index) => START + index * 997)
    for (const atMs of times) {
      const waitMs = dueAtMs(ALICE, atMs) - atMs
      expect(waitMs).toBeGreaterThan(0)
      expect(waitMs).toBeLessThanOrEqual(EVERY_MS)
    }
    const spanMs = (times.at(-1) ?? 0) - START
    expect(new Set(times.map((atMs) => dueAtMs(ALICE, atMs))).size).toBeLessThanOrEqual(spanMs / EVERY_MS + 2)
  })

  it('of different users do not go out in the same moment', () => {
    expect((dueAtMs(ALICE, START) - dueAtMs(BOB, START)) % EVERY_MS).not.toBe(0)
  })

  it.each([
    ['2026-01-15T12:07:31.123Z', '2026-01-15T12:00:00.000Z'],
    ['2026-01-15T12:10:00.000Z', '2026-01-15T12:10:00.000Z'],
    ['2026-01-15T14:19:59.999+02:00', '2026-01-15T12:10:00.000Z'],
  ])('say %s as %s', (createdAt, date) => {
    expect(dateOf(createdAt)).toBe(date)
  })
})

describe('stubs at once', () => {
  it('have their own time and date', () => {
    expect(AT_ONCE.dueAtMs(ALICE, START)).toBe(START)
    expect(AT_ONCE.dateOf('2026-01-15T12:07:31.123Z')).toBe('2026-01-15T12:07:31.123Z')
  })
})
