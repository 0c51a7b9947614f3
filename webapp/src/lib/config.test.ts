import { expect, it } from 'vitest'
import { ConfigError, parseConfig } from './config.ts'

const config = {
  serviceUrl: 'https://stratos.example',
  plcUrl: 'http://localhost:2582',
  handleResolver: 'https://pds.example',
}

it('reads the three addresses and nothing else', () => {
  expect(parseConfig(JSON.stringify({ ...config, other: 1 }))).toEqual(config)
})

it.each([
  'not json',
  'null',
  '[]',
  JSON.stringify({ ...config, serviceUrl: undefined }),
  JSON.stringify({ ...config, plcUrl: 'plc.directory' }),
  JSON.stringify({ ...config, handleResolver: 'javascript:alert(1)' }),
  JSON.stringify({ ...config, handleResolver: ['https://pds.example'] }),
])('refuses %s', (text) => {
  expect(() => parseConfig(text)).toThrow(ConfigError)
})
