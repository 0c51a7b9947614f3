import { describe, expect, it } from 'vitest'
import { MessageWriter, toWireValue } from './postgres-messages.ts'

describe('a value on the way to Postgres', () => {
  it('is text, bytes or nothing', () => {
    const bytes = new Uint8Array([1])
    expect([1, 2n, true, 'x', null, undefined, bytes].map(toWireValue)).toEqual([
      '1',
      '2',
      'true',
      'x',
      null,
      null,
      bytes,
    ])
  })

  it('is refused where no column holds it', () => {
    expect(() => toWireValue(['a'])).toThrow(TypeError)
    expect(() => toWireValue(new Date())).toThrow(TypeError)
  })
})

describe('messages', () => {
  it('have their length in bytes, and that of their values', () => {
    const writer = new MessageWriter()
    writer.bind('s', ['é€', null, new Uint8Array([0, 255])])
    const body =
      '00' +
      '7300' +
      '0003' +
      '0000' +
      '0000' +
      '0001' +
      '0003' +
      '00000005c3a9e282ac' +
      'ffffffff' +
      '0000000200ff'
    const hex = `${body}0000`
    expect(writer.take().toString('hex')).toBe(
      `42${(hex.length / 2 + 4).toString(16).padStart(8, '0')}${hex}`,
    )
  })

  it('follow one another, and are gone when they are taken', () => {
    const writer = new MessageWriter()
    writer.parse('', 'select 1')
    writer.execute()
    writer.sync()
    expect(writer.take().toString('latin1')).toBe(
      'P\0\0\0\x10\0select 1\0\0\0' + 'E\0\0\0\x09\0\0\0\0\0' + 'S\0\0\0\x04',
    )
    expect(writer.take()).toHaveLength(0)
  })

  it('may be larger than what is kept for them', () => {
    const writer = new MessageWriter()
    writer.bind('', ['x'.repeat(300_000), new Uint8Array(1_000_000)])
    const large = writer.take()
    expect(large.readInt32BE(1)).toBe(large.length - 1)
    writer.sync()
    expect(writer.take().toString('latin1')).toBe('S\0\0\0\x04')
  })
})
