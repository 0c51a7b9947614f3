import { describe, expect, it } from 'vitest'
import { parseDid } from '../ids.ts'
import { decideRead, explainRead, type ReadCase } from './read-rules.ts'
import type { Viewer } from './viewer.ts'

const [alice, bob] = [parseDid('did:plc:alice'), parseDid('did:plc:bob')]
const [eng, hr, old] = ['did:web:s/eng', 'did:web:s/hr', 'did:web:s/old']

const user = (enrolled: boolean, ...boundaries: string[]): Viewer => ({
  kind: 'user',
  did: bob,
  enrolled,
  boundaries: new Set(boundaries),
})
const about = (viewer: Viewer, more: Partial<ReadCase> = {}): ReadCase => ({
  viewer,
  owner: alice,
  boundaries: [eng],
  serviceBoundaries: new Set([eng, hr]),
  takenDown: false,
  ...more,
})
const lastOf = (given: ReadCase) => explainRead(given).rules.at(-1)

describe('the explanation of a decision', () => {
  it.each<[string, ReadCase, string, 'allow' | 'deny', RegExp]>([
    ['nobody', about({ kind: 'anonymous' }), 'viewer-is-a-reader', 'deny', /nobody/],
    ['an operator', about({ kind: 'operator', name: 'admin' }), 'viewer-is-a-reader', 'deny', /operator/],
    [
      'a hidden record',
      about(user(true, eng), { takenDown: true }),
      'not-taken-down',
      'deny',
      /is taken down/,
    ],
    [
      'a hidden record of their own',
      about(user(true, eng), { owner: bob, takenDown: true }),
      'not-taken-down',
      'deny',
      /is taken down/,
    ],
    ['the owner', about(user(false), { owner: bob }), 'owner-sees-their-own', 'allow', /did:plc:bob/],
    ['a stranger', about(user(false)), 'viewer-is-enrolled', 'deny', /enrolled: no/],
    [
      'a record without boundary',
      about(user(true, eng), { boundaries: [] }),
      'record-has-a-boundary-in-force',
      'deny',
      /of the record: none/,
    ],
    [
      'a retired boundary',
      about(user(true, old), { boundaries: [old] }),
      'record-has-a-boundary-in-force',
      'deny',
      /of the record: did:web:s\/old; of these the service has: none/,
    ],
    [
      'an allow-listed service',
      about({ kind: 'service', did: bob }),
      'services-and-the-owner-see-all-boundaries',
      'allow',
      /is one of them/,
    ],
    [
      'a member',
      about(user(true, eng, hr)),
      'viewer-shares-a-boundary',
      'allow',
      /holds: did:web:s\/eng, did:web:s\/hr; shared: did:web:s\/eng/,
    ],
    ['somebody behind another', about(user(true, hr)), 'viewer-shares-a-boundary', 'deny', /shared: none/],
  ])('ends, for %s, with the rule that decided', (_who, given, name, result, detail) => {
    expect(lastOf(given)).toEqual({ name, result, detail: expect.stringMatching(detail) })
    const { decision, rules } = explainRead(given)
    expect(decision).toEqual(decideRead(given))
    expect(decision.allow).toBe(result === 'allow')
    expect(rules.slice(0, -1).every((rule) => rule.result === 'continue')).toBe(true)
  })
})
