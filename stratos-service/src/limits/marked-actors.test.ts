import { parseDid, type Did } from 'stratos-core'
import { expect, it } from 'vitest'
import { MarkedActors } from './marked-actors.ts'

const DID = parseDid('did:plc:44ybard66vv44zksje25o7dz')

function twoInstances() {
  const stored = new Set<Did>()
  const clock = { nowMs: 1_000_000 }
  let additions = 0
  const backlog = {
    add: async (did: Did) => {
      additions += 1
      stored.add(did)
    },
    remove: async (did: Did) => void stored.delete(did),
    list: async () => [...stored],
  }
  const open = () => new MarkedActors(backlog, () => clock.nowMs)
  return { stored, clock, one: open(), other: open(), additions: () => additions }
}

it('writes one note for a busy actor, and takes it away a minute after the last work', async () => {
  const { stored, clock, one, additions } = twoInstances()
  for (let count = 0; count < 5; count++) await one.mark(DID)
  expect(additions()).toBe(1)
  expect(await one.unmarkWhenIdle(DID, 0)).toBe(clock.nowMs + 60_000)
  clock.nowMs += 59_000
  expect(await one.unmarkWhenIdle(DID, 0)).toBe(clock.nowMs + 1_000)
  expect(await one.unmarkWhenIdle(DID, clock.nowMs)).toBe(clock.nowMs + 60_000)
  clock.nowMs += 1_000
  expect(await one.unmarkWhenIdle(DID, 0)).toBeNull()
  expect(stored.size).toBe(0)
})

it('puts back what another instance has taken away', async () => {
  const { stored, clock, one, other } = twoInstances()
  await one.mark(DID)
  await other.drop(DID)
  expect(stored.size).toBe(0)
  clock.nowMs += 30_000
  await one.mark(DID)
  expect(stored).toEqual(new Set([DID]))
  // What was written is younger than the last look of anybody.
  expect(await other.unmarkWhenIdle(DID, clock.nowMs)).toBe(clock.nowMs + 60_000)
  expect(stored).toEqual(new Set([DID]))
})
