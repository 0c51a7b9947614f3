import { expect, it } from 'vitest'
import { formatTable, printable } from './table.ts'

it('is aligned, with a dash where there is nothing', () => {
  const rows = [
    ['did:plc:a', ['x', 'y'], 1],
    ['did:plc:long', [], undefined],
  ]
  expect(formatTable(['DID', 'BOUNDARIES', 'EPOCH'], rows)).toBe(
    'DID           BOUNDARIES  EPOCH\ndid:plc:a     x y         1\ndid:plc:long  -           -\n',
  )
})

it('shows what others wrote without obeying it', () => {
  expect(printable('\u001b[2Jgone\r\n\u202Eflip')).toBe('\u{FFFD}[2Jgone\u{FFFD}\u{FFFD}\u{FFFD}flip')
  expect(printable({ text: '\u001b[2J' })).not.toContain('\u001b')
})
