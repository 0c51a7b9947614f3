import { l } from '@atproto/lex'
import { com } from 'stratos-core/lexicons'
import { describe, expect, it } from 'vitest'
import { withQuietParsing } from './quiet-schema.ts'

const input = { repo: 'did:plc:alice', collection: 'zone.stratos.feed.post', record: { $type: 'x' } }

describe('a method that is parsed quietly', () => {
  const method = l.getMain(withQuietParsing(com.atproto.repo.createRecord))

  it('is the same method', () => {
    const { nsid, type, parameters, output } = com.atproto.repo.createRecord.main
    expect(method).toMatchObject({ nsid, type })
    expect(method.output).toBe(output)
    expect(method.parameters.toURLSearchParams({}).size).toBe(parameters.toURLSearchParams({}).size)
    expect(method.input.matchesEncoding('application/json')).toBe(true)
    expect(method.input.matchesEncoding('text/plain')).toBe(false)
  })

  it('parses and refuses as before, without a trace, and leaves other errors theirs', () => {
    expect(method.input.schema?.parse(input)).toEqual(input)
    const refused = () => method.input.schema?.parse({ ...input, repo: 'nobody' })
    expect(refused).toThrow(l.LexValidationError)
    expect(refused).toThrow(/repo/)
    expect(traceOf(refused)).not.toContain('\n    at ')
    expect(new Error('another').stack).toContain('\n    at ')
  })

  it('leaves out what is absent, but for defaults, and looks at what is there', () => {
    const lists = l.getMain(withQuietParsing(com.atproto.repo.listRecords))
    expect(method.input.schema?.parse(input)).toEqual(input)
    const query = 'repo=did%3Aplc%3Aalice&collection=zone.stratos.feed.post'
    expect(lists.parameters.fromURLSearchParams(query)).toMatchObject({ limit: 50 })
    expect(() => method.input.schema?.parse({ ...input, swapCommit: 7 })).toThrow(/swapCommit/)
  })

  it('has quiet parameters as well, with an input or without', () => {
    const query = l.getMain(withQuietParsing(com.atproto.repo.getRecord))
    const text = 'repo=did%3Aplc%3Aalice&collection=zone.stratos.feed.post&rkey=a'
    const parsed = query.parameters.fromURLSearchParams(text)
    expect(parsed).toEqual({ repo: 'did:plc:alice', collection: 'zone.stratos.feed.post', rkey: 'a' })
    expect(traceOf(() => query.parameters.fromURLSearchParams('repo=nobody'))).not.toContain('\n    at ')
    expect(traceOf(() => query.parameters.fromURLSearchParams('repo=nobody'))).toContain('repo')
  })
})

function traceOf(failing: () => unknown): string {
  try {
    failing()
    return ''
  } catch (err) {
    return err instanceof Error ? String(err.stack) : ''
  }
}
