import { describe, expect, it } from 'vitest'
import { parseAllowList } from './parse-allow-list.ts'

const ALICE = 'did:plc:alice'
const BOB = 'did:web:bob.example'

describe('an allow list', () => {
  it.each([
    ['a line for each', `${ALICE}\n${BOB}\n`, 0],
    [
      'remarks, empty lines and line ends of Windows',
      `# members\r\n\r\n  ${ALICE} # since May\r\n${BOB}\tbob\r\n`,
      0,
    ],
    ['lines that are something else', `${ALICE}\nhello\n${BOB}\ndid:\nDID:plc:carol`, 3],
    ['the same account twice', `${ALICE}\n${BOB}\n${ALICE}`, 0],
    ['a JSON list', JSON.stringify([ALICE, BOB, 7, null, 'x']), 3],
    ['a JSON object', JSON.stringify({ dids: [ALICE, BOB], updated: '2026-01-01' }), 0],
  ])('may be %s', (_what, text, skipped) => {
    expect(parseAllowList(text, 'text/plain')).toEqual({ dids: new Set([ALICE, BOB]), skipped })
  })

  it.each([
    ['nothing', '', null],
    ['remarks alone', '# nobody', null],
    ['a web page', '<!doctype html><p>Moved</p>', null],
    ['a web page with a DID in a line of its own', `<html>\n${ALICE}\n</html>`, 'text/html; charset=utf-8'],
    ['an empty JSON list', '[]', 'application/json'],
    ['half a JSON list', `["${ALICE}"`, 'application/json'],
    ['JSON of another kind', `{"members":["${ALICE}"]}`, 'application/json'],
    ['JSON with a text for a list', `{"dids":"${ALICE}"}`, 'application/json'],
  ])('is not %s', (_what, text, contentType) => {
    expect(() => parseAllowList(text, contentType)).toThrow()
  })
})
