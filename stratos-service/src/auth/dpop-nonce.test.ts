import { describe, expect, it } from 'vitest'
import { DpopNonces } from './dpop-nonce.ts'

const SECRET = Buffer.alloc(32, 7)
const MINUTE_MS = 60_000

function noncesAt(minute: number, secret = SECRET): DpopNonces {
  return new DpopNonces(secret, () => minute * MINUTE_MS)
}

describe('DpopNonces', () => {
  it.each([
    [-3, false],
    [-2, false],
    [-1, true],
    [0, true],
    [1, true],
    [2, false],
    [3, false],
  ])('given a nonce of %i minutes later, accepts it: %s', (offset, accepted) => {
    expect(noncesAt(100).accepts(noncesAt(100 + offset).current())).toBe(accepted)
  })

  it('keeps a nonce for a minute and then changes it', () => {
    let nowMs = 100 * MINUTE_MS
    const nonces = new DpopNonces(SECRET, () => nowMs)
    const first = nonces.current()
    nowMs += MINUTE_MS - 1
    expect(nonces.current()).toBe(first)
    nowMs += 1
    expect(nonces.current()).not.toBe(first)
    expect(nonces.accepts(first)).toBe(true)
  })

  it('accepts what another instance with the same secret gives out, and nothing from another service', () => {
    expect(noncesAt(100).accepts(noncesAt(100, Buffer.alloc(32, 7)).current())).toBe(true)
    expect(noncesAt(100).accepts(noncesAt(100, Buffer.alloc(32, 8)).current())).toBe(false)
  })

  it('refuses a nonce that was tampered with', () => {
    const nonce = noncesAt(100).current()
    const swapped = nonce.startsWith('A') ? 'B' : 'A'
    for (const bad of [
      '',
      nonce.slice(1),
      `${nonce}A`,
      swapped + nonce.slice(1),
      nonce.toUpperCase(),
      'ü'.repeat(11),
    ]) {
      expect(noncesAt(100).accepts(bad), bad).toBe(false)
    }
  })

  it('sends only characters that a header may carry', () => {
    expect(noncesAt(100).current()).toMatch(/^[A-Za-z0-9_-]{22}$/)
  })

  it('wants a secret of 32 bytes', () => {
    expect(() => new DpopNonces(Buffer.alloc(31), Date.now)).toThrow('32 bytes')
  })
})
