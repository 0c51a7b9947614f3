import { l } from '@atproto/lex'
import { com } from 'stratos-core/lexicons'
import { describe, expect, it } from 'vitest'
import { withQuietInput } from './quiet-schema.ts'

const input = { repo: 'did:plc:alice', collection: 'zone.stratos.feed.post', record: { $type: 'x' } }

describe('a method with quiet input', () => {
  const method = l.getMain(withQuietInput(com.atproto.repo.createRecord))

  it('is the same method', () => {
    const { nsid, type, parameters, output } = com.atproto.repo.createRecord.main
    expect(method).toMatchObject({ nsid, type })
    expect([method.parameters, method.output]).toEqual([parameters, output])
    expect(method.input.matchesEncoding('application/json')).toBe(true)
    expect(method.input.matchesEncoding('text/plain')).toBe(false)
  })

  it('parses and refuses as before, without a trace, and leaves other errors theirs', () => {
    expect(method.input.schema?.parse(input)).toEqual(input)
    const refused = () => method.input.schema?.parse({ ...input, repo: 'nobody' })
    expect(refused).toThrow(l.LexValidationError)
    expect(refused).toThrow(/repo/)
    const catching = () => {
      try {
        refused()
        return ''
      } catch (err) {
        return err instanceof Error ? String(err.stack) : ''
      }
    }
    expect(catching()).not.toContain('\n    at ')
    expect(new Error('another').stack).toContain('\n    at ')
  })

  it('is the very same where there is no input', () => {
    expect(withQuietInput(com.atproto.repo.getRecord)).toBe(com.atproto.repo.getRecord)
  })
})
