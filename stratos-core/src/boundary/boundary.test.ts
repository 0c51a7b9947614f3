import { describe, expect, it } from 'vitest'
import { isQualified, parseBoundary, qualifyBoundary } from './boundary.ts'

describe('parseBoundary', () => {
  it.each([
    ['did:web:stratos.example.com/general', 'did:web:stratos.example.com', 'general'],
    ['did:web:localhost%3A3100/general', 'did:web:localhost%3A3100', 'general'],
    ['did:plc:abc/a/b', 'did:plc:abc', 'a/b'],
    ['did:web:host:path/name', 'did:web:host:path', 'name'],
    ['did:plc:abc/ leading space', 'did:plc:abc', ' leading space'],
    ['did:plc:abc/été', 'did:plc:abc', 'été'],
  ])('splits %j', (value, serviceDid, name) => {
    expect(parseBoundary(value)).toEqual({ serviceDid, name })
    expect(isQualified(value)).toBe(true)
    expect(qualifyBoundary(serviceDid, name)).toBe(value)
  })

  it.each([
    '',
    'general',
    '/general',
    'did:web:stratos.example.com',
    'did:web:stratos.example.com/',
    'did:web:/general',
    'did:/web:host/general',
    'did::host/general',
    'web:stratos.example.com/general',
    ' did:web:stratos.example.com/general',
    'DID:web:stratos.example.com/general',
    null,
    undefined,
    7,
    ['did:plc:abc/a'],
    { value: 'did:plc:abc/a' },
  ])('finds no boundary in %j', (value) => {
    expect(parseBoundary(value)).toBeNull()
    expect(isQualified(value)).toBe(false)
  })

  it('allows 253 characters and not one more', () => {
    const longest = `did:plc:abc/${'x'.repeat(253 - 'did:plc:abc/'.length)}`
    expect(isQualified(longest)).toBe(true)
    expect(isQualified(`${longest}x`)).toBe(false)
  })
})
