import type { Appview } from 'stratos-client'

/** Where the app's servers are; read at run time, so that one build serves every deployment. */
export interface Config {
  /** base URL of the Stratos service */
  serviceUrl: string
  /** base URL of the PLC directory */
  plcUrl: string
  /** base URL of a server that answers `com.atproto.identity.resolveHandle`, usually a PDS */
  handleResolver: string
  /** an AppView with timelines; null without one */
  appview: Appview | null
}

/** @throws {ConfigError} if `/config.json` is missing or incomplete */
export async function loadConfig(): Promise<Config> {
  const response = await fetch('/config.json', { cache: 'no-store' })
  if (!response.ok) throw new ConfigError('/config.json is missing')
  return parseConfig(await response.text())
}

/** @throws {ConfigError} */
export function parseConfig(text: string): Config {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new ConfigError('/config.json is not JSON', { cause })
  }
  return {
    serviceUrl: readUrl(value, 'serviceUrl'),
    plcUrl: readUrl(value, 'plcUrl'),
    handleResolver: readUrl(value, 'handleResolver'),
    appview: readAppview(memberOf(value, 'appview')),
  }
}

function readAppview(value: unknown): Appview | null {
  if (value === undefined || value === null) return null
  const did = memberOf(value, 'did')
  if (typeof did !== 'string' || !did.startsWith('did:')) {
    throw new ConfigError('appview in /config.json must have a did')
  }
  return { did, url: readUrl(value, 'url') }
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
}

function readUrl(value: unknown, name: string): string {
  const url = memberOf(value, name)
  if (typeof url !== 'string' || !/^https?:\/\//.test(url) || !URL.canParse(url)) {
    throw new ConfigError(`${name} in /config.json must be a web address`)
  }
  return url
}

export class ConfigError extends Error {
  override name = 'ConfigError'
}
