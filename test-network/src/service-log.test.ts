import { describe, expect, it } from 'vitest'
import { formatServiceLine } from './service-log.ts'

describe('a line of the service log', () => {
  it.each([
    ['{"level":30,"msg":"listening"}', 40, null],
    ['{"level":30,"msg":"listening"}', 30, 'info listening'],
    ['{"level":40,"msg":"slow"}', 40, 'warn slow'],
    ['{"level":50,"msg":"failed","err":{"message":"no"}}', 40, 'error failed\nno'],
    ['    at file.ts:1', 40, '    at file.ts:1'],
    ['{"half', 40, '{"half'],
    ['{}', 40, '{}'],
  ])('%s from level %i on reads %j', (line, minLevel, expected) => {
    expect(formatServiceLine(line, minLevel)).toBe(expected)
  })
})
