import { describe, expect, it } from 'vitest'
import { summarizeProfile, type CpuProfile, type ProfileNode } from './cpu-profile.ts'
import { formatProfile } from './profile-table.ts'

const SERVICE = 'file:///somewhere/stratos-service/src/operations/write-records.ts'
const EXPRESS = 'file:///somewhere/node_modules/.pnpm/express@4.22.1/node_modules/express/lib/router/layer.js'

function node(id: number, functionName: string, url: string, children: number[] = []): ProfileNode {
  return { id, callFrame: { functionName, url, lineNumber: 9 }, children }
}

/** root → handle → write → sign, and root → (idle) */
const profile: CpuProfile = {
  nodes: [
    node(1, '(root)', '', [2, 5]),
    node(2, 'handle', EXPRESS, [3]),
    node(3, 'write', SERVICE, [4, 6]),
    node(4, 'sign', 'node:internal/crypto/sig'),
    node(5, '(idle)', ''),
    node(6, 'write', SERVICE, [7]),
    node(7, '', SERVICE),
  ],
  samples: [2, 3, 4, 5, 7],
  // The last sample has no successor, so nobody knows how long it lasted.
  timeDeltas: [500, 1_000, 2_000, 4_000, 8_000],
}

describe('summarizeProfile', () => {
  const { busyMs, functions, places } = summarizeProfile({
    ...profile,
    samples: [...profile.samples, 5],
    timeDeltas: [...profile.timeDeltas, 16_000],
  })
  const totals = (entries: readonly { name: string; selfMs: number; totalMs: number }[]) =>
    Object.fromEntries(entries.map(({ name, selfMs, totalMs }) => [name, [selfMs, totalMs]]))

  it('leaves out idling', () => {
    expect(busyMs).toBe(23)
  })

  it('gives each function its own time, and that of what it calls, once if it calls itself', () => {
    expect(totals(functions)).toEqual({
      'handle express/lib/router/layer.js:10': [1, 23],
      'write stratos-service/src/operations/write-records.ts:10': [2, 22],
      'sign node:internal/crypto/sig:10': [4, 4],
      '(anonymous) stratos-service/src/operations/write-records.ts:10': [16, 16],
    })
  })

  it('adds up by folder of ours, by package, and by node itself', () => {
    expect(totals(places)).toEqual({
      express: [1, 23],
      'stratos-service/src/operations': [18, 22],
      node: [4, 4],
    })
  })
})

describe('formatProfile', () => {
  it('divides by the number of requests', () => {
    const text = formatProfile(profile, 7)
    expect(text).toContain('profile of 7 requests, 1000 µs each')
    expect(text).toMatch(/571\.4 +57\.1 % {2}sign node:internal/)
  })
})
