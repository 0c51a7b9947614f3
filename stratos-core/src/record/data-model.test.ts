import { describe, expect, it } from 'vitest'
import { assertDataModel } from './data-model.ts'

// What records may hold is tested with their encoding; here is what must not even get that far.
describe('assertDataModel', () => {
  it.each([
    ['a __proto__ member', '{"__proto__":{"admin":true}}'],
    ['a nested __proto__ member', '{"a":[{"__proto__":1}]}'],
    ['a fraction', '{"a":{"b":[0.5]}}'],
    ['a list', '[]'],
  ])('refuses %s', (_, json) => {
    expect(() => assertDataModel(JSON.parse(json))).toThrow(
      expect.objectContaining({ code: 'InvalidRecord' }),
    )
  })

  it('accepts a plain object, wherever it was made', () => {
    expect(() => assertDataModel({})).not.toThrow()
    expect(() => assertDataModel(Object.create(null))).not.toThrow()
  })
})
