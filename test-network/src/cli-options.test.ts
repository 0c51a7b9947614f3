import { describe, expect, it } from 'vitest'
import { HELP, parseCliOptions, UsageError } from './cli-options.ts'

describe('the command line', () => {
  it('means a whole network with the web app when it is empty', () => {
    expect(parseCliOptions([])).toEqual({
      help: false,
      portBase: undefined,
      dataDir: undefined,
      storage: 'sqlite',
      layout: undefined,
      webapp: true,
      indexer: true,
      appviews: [],
      enrolled: false,
      json: false,
      verbose: false,
    })
  })

  it('takes every option', () => {
    const line =
      '--port-base 4100 --data-dir d --storage postgres --layout shared --no-webapp --no-indexer --appview did:web:localhost%3A4200 --appview did:plc:abc --enrolled --json --verbose'
    expect(parseCliOptions(line.split(' '))).toMatchObject({
      portBase: 4100,
      dataDir: 'd',
      storage: 'postgres',
      layout: 'shared',
      webapp: false,
      indexer: false,
      appviews: ['did:web:localhost%3A4200', 'did:plc:abc'],
      enrolled: true,
      json: true,
      verbose: true,
    })
  })

  it.each([
    ['--storage oracle', /sqlite or postgres/],
    ['--storage postgres --layout flat', /schema or shared/],
    ['--layout shared', /needs --storage postgres/],
    ['--port-base 80', /1024 to 65531/],
    ['--appview indexer.example.com', /must be a DID/],
    ['--port-base 0x1000', /1024 to 65531/],
    ['--port-base 65532', /1024 to 65531/],
    ['--colour', /--colour/],
    ['extra', /extra/],
  ])('refuses %s', (line, message) => {
    expect(() => parseCliOptions(line.split(' '))).toThrow(UsageError)
    expect(() => parseCliOptions(line.split(' '))).toThrow(message)
  })

  it('is explained by the help text, option by option', () => {
    for (const name of [
      'port-base',
      'data-dir',
      'storage',
      'layout',
      'no-webapp',
      'no-indexer',
      'enrolled',
      'json',
      'verbose',
      'help',
    ]) {
      expect(HELP).toContain(`--${name} `)
    }
  })
})
