import { describe, expect, it } from 'vitest'
import { CLEAR, formOf, formOfText, NO_MASTER_KEYS, SealedError, Vault } from './vault.ts'

const [one, two] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]
const secret = Buffer.from('a private key of 32 bytes, say!!')

describe('a secret in a vault', () => {
  const vault = new Vault({ current: one, previous: [] })

  it('is opened where it was sealed, and can be read nowhere else', () => {
    const sealed = vault.seal(secret, 'actor-key:did:plc:a')
    expect(Buffer.from(vault.open(sealed, 'actor-key:did:plc:a')).equals(secret)).toBe(true)
    expect(Buffer.from(sealed).includes(secret)).toBe(false)
    expect(formOf(sealed)).toMatch(/^[0-9a-f]{16}$/)
    expect(() => vault.open(sealed, 'actor-key:did:plc:b')).toThrow(SealedError)
  })

  it('is never sealed twice in the same way', () => {
    expect(vault.seal(secret, 'x')).not.toEqual(vault.seal(secret, 'x'))
  })

  it('is not opened when any of its bits was changed', () => {
    const sealed = vault.seal(secret, 'x')
    for (let index = 8; index < sealed.length; index++) {
      const changed = Buffer.from(sealed)
      changed.writeUInt8(changed.readUInt8(index) ^ 1, index)
      expect(() => vault.open(changed, 'x'), `byte ${index}`).toThrow(SealedError)
    }
  })

  it('may be text', () => {
    const sealed = vault.sealText('{"token":"secret"}', 'x')
    expect(sealed).not.toContain('secret')
    expect(vault.openText(sealed, 'x')).toBe('{"token":"secret"}')
    expect(formOfText(sealed)).toBe(vault.form)
    expect(() => vault.openText(sealed, 'y')).toThrow(SealedError)
  })
})

describe('a master key', () => {
  it('opens what an earlier one sealed as long as that is named, and seals anew', () => {
    const sealed = new Vault({ current: one, previous: [] }).seal(secret, 'x')
    const renewed = new Vault({ current: two, previous: [one] })
    const again = renewed.seal(renewed.open(sealed, 'x'), 'x')
    const only = new Vault({ current: two, previous: [] })
    expect(Buffer.from(only.open(again, 'x')).equals(secret)).toBe(true)
    expect(() => only.open(sealed, 'x')).toThrow(/sealed with master key [0-9a-f]{16}, which is not set/)
    expect([only.canOpen(formOf(again)), only.canOpen(formOf(sealed)), only.canOpen(CLEAR)]).toEqual([
      true,
      false,
      true,
    ])
  })

  it('is not needed for secrets in clear, which stay so without one', () => {
    const none = new Vault(NO_MASTER_KEYS)
    expect(none.seal(secret, 'x')).toEqual(secret)
    expect(none.sealText('{}', 'x')).toBe('{}')
    const vault = new Vault({ current: one, previous: [] })
    expect(vault.open(secret, 'x')).toEqual(secret)
    expect(vault.openText('{}', 'x')).toBe('{}')
    const sealed = vault.seal(secret, 'x')
    expect(() => none.open(sealed, 'x')).toThrow(SealedError)
  })
})
