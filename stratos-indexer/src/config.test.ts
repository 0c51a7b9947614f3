import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { ConfigError, ENV_TABLE, readConfig } from './config.ts'

const GOOD = {
  STRATOS_SERVICE_URL: 'https://stratos.example',
  STRATOS_INDEXER_DID: 'did:web:indexer.example',
}

describe('the configuration', () => {
  it('needs a service and a name', () => {
    const { services, identity, database, api, repoProvider } = readConfig(GOOD)
    expect(services).toEqual(['https://stratos.example'])
    expect(identity.did).toBe('did:web:indexer.example')
    expect(database.kind).toBe('sqlite')
    expect([api, repoProvider]).toEqual([null, null])
  })

  it('takes several services, and addresses of sockets for those of servers', () => {
    const services = 'wss://a.example, https://b.example,wss://a.example'
    const { repoProvider, ...config } = readConfig({
      ...GOOD,
      STRATOS_SERVICE_URL: services,
      BSKY_REPO_PROVIDER: 'wss://relay.example',
    })
    expect(config.services).toEqual(['https://a.example', 'https://b.example'])
    expect(repoProvider).toBe('https://relay.example')
  })

  it('has the read API with what can be searched', () => {
    const { api } = readConfig({
      ...GOOD,
      STRATOS_INDEXER_API: 'true',
      STRATOS_INDEXER_SEARCH_BOUNDARIES: 'did:web:stratos.example/general',
    })
    expect(api).toEqual({ requestsPerMinute: 600, searchBoundaries: ['did:web:stratos.example/general'] })
  })

  it('reports settings of earlier indexers that have no meaning here', () => {
    expect(readConfig({ ...GOOD, WORKER_CONCURRENCY: '4' }).warnings).toEqual([
      'WORKER_CONCURRENCY has no effect',
    ])
  })

  it.each<[string, Record<string, string>, RegExp]>([
    ['no name', { STRATOS_INDEXER_DID: '' }, /STRATOS_INDEXER_DID must be set/],
    ['a name with a path', { STRATOS_INDEXER_DID: 'did:web:a.example:b' }, /did:web without path/],
    ['an unknown name', { STRATOS_INDEXER_APY: 'true' }, /STRATOS_INDEXER_APY is not a variable/],
    ['a public address without TLS', { BSKY_REPO_PROVIDER: 'http://a.example' }, /must be https/],
    ['a short secret', { STRATOS_SYNC_TOKEN: 'short' }, /at least 32 characters/],
    ['neither true nor false', { STRATOS_INDEXER_API: 'yes' }, /must be "true" or "false"/],
    ['a bare boundary', { STRATOS_INDEXER_SEARCH_BOUNDARIES: 'general' }, /got "general"/],
    [
      'a search without the API',
      { STRATOS_INDEXER_SEARCH_BOUNDARIES: 'did:web:stratos.example/general' },
      /needs STRATOS_INDEXER_API=true/,
    ],
  ])('refuses %s', (_, settings, problem) => {
    expect(() => readConfig({ ...GOOD, ...settings })).toThrow(problem)
    expect(() => readConfig({ ...GOOD, ...settings })).toThrow(ConfigError)
  })

  it('tells of all problems at once', () => {
    expect(() => readConfig({ HEALTH_PORT: 'x', LOG_LEVEL: 'info' })).toThrow(
      /HEALTH_PORT[^]*STRATOS_SERVICE_URL[^]*STRATOS_INDEXER_DID/,
    )
  })

  it('is documented, setting by setting', () => {
    const page = readFileSync(new URL('../../docs/appview/indexer.md', import.meta.url), 'utf8')
    const rows = page.split('\n').filter((line) => /^\| `[A-Z_]+` /.test(line))
    const documented = rows.map((row) => row.split('|').map((cell) => cell.trim()))
    const names = documented.map(([, name = '']) => name.replaceAll('`', ''))
    expect(names.toSorted()).toEqual(Object.keys(ENV_TABLE).toSorted())
  })
})
