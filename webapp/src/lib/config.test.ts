import { expect, it } from 'vitest'
import { ConfigError, parseConfig } from './config.ts'

const config = {
  serviceUrl: 'https://stratos.example',
  plcUrl: 'http://localhost:2582',
  handleResolver: 'https://pds.example',
}

it('reads the three addresses and nothing else', () => {
  expect(parseConfig(JSON.stringify({ ...config, other: 1 }))).toEqual({ ...config, appview: null })
})

it('reads where the AppView is, if there is one', () => {
  const appview = { did: 'did:web:indexer.example', url: 'https://indexer.example' }
  expect(parseConfig(JSON.stringify({ ...config, appview }))).toEqual({ ...config, appview })
})

it.each([
  'not json',
  'null',
  '[]',
  JSON.stringify({ ...config, serviceUrl: undefined }),
  JSON.stringify({ ...config, plcUrl: 'plc.directory' }),
  JSON.stringify({ ...config, handleResolver: 'javascript:alert(1)' }),
  JSON.stringify({ ...config, handleResolver: ['https://pds.example'] }),
  JSON.stringify({ ...config, appview: { url: 'https://indexer.example' } }),
  JSON.stringify({ ...config, appview: { did: 'did:web:indexer.example', url: 'indexer' } }),
])('refuses %s', (text) => {
  expect(() => parseConfig(text)).toThrow(ConfigError)
})
