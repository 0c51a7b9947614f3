import { expect, it } from 'vitest'
import { normalizeHandle } from './session.ts'

it.each([
  ['alice.test', 'alice.test'],
  [' @Alice.Test ', 'alice.test'],
  ['\u202aalice.test\u202c', 'alice.test'],
  ['did:plc:AbC', 'did:plc:AbC'],
  ['  ', ''],
  ['@', ''],
])('understands %j as %j', (typed, handle) => {
  expect(normalizeHandle(typed)).toBe(handle)
})
