import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { describe, expect, it } from 'vitest'
import { buildConfig } from '../stratos-service/src/config/config.ts'
import { ENV_TABLE, readEnv } from '../stratos-service/src/config/env.ts'
import {
  CONFIGURATION_PAGE,
  ENV_EXAMPLE,
  renderConfigurationPage,
  renderEnvExample,
} from './generate-config-docs.ts'

const example = readFileSync(ENV_EXAMPLE, 'utf8')
const page = readFileSync(CONFIGURATION_PAGE, 'utf8')
const HINT = 'run: node scripts/generate-config-docs.ts'

describe('.env.example', () => {
  it('is what the configuration table says', () => {
    expect(example, HINT).toBe(renderEnvExample())
  })

  it('is a configuration that the service starts with, once it is copied', () => {
    expect(() => buildConfig(readEnv(parseEnv(example)))).not.toThrow()
  })

  it('sets what must be set and nothing else', () => {
    const required = Object.entries(ENV_TABLE).filter(([, { fallback }]) => fallback === undefined)
    expect(Object.keys(parseEnv(example)).toSorted()).toEqual(required.map(([name]) => name).toSorted())
  })

  it('shows defaults that the service accepts when a line is switched on', () => {
    const allOn = parseEnv(example.replaceAll(/^#(?=[A-Z])/gm, ''))
    expect(Object.keys(allOn).toSorted()).toEqual(Object.keys(ENV_TABLE).toSorted())
    expect(readEnv(allOn)).toEqual(readEnv(parseEnv(example)))
  })

  it('carries no secret and weakens nothing', () => {
    const allOn = parseEnv(example.replaceAll(/^#(?=[A-Z])/gm, ''))
    expect(allOn).toMatchObject({
      STRATOS_ADMIN_PASSWORD: '',
      STRATOS_ALLOW_PRIVATE_ADDRESSES: 'false',
      STRATOS_DPOP_REQUIRE_NONCE: 'true',
      STRATOS_ENROLLMENT_MODE: 'allowlist',
    })
  })
})

describe('the configuration page of the documentation', () => {
  it('has the tables that the configuration table makes', async () => {
    expect(page, HINT).toBe(await renderConfigurationPage(page))
  })
})
