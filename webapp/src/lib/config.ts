/** Where the app's servers are; read at run time, so that one build serves every deployment. */
export interface Config {
  /** base URL of the Stratos service */
  serviceUrl: string
  /** base URL of the PLC directory */
  plcUrl: string
  /** base URL of a server that answers `com.atproto.identity.resolveHandle`, usually a PDS */
  handleResolver: string
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
  }
}

function readUrl(value: unknown, name: keyof Config): string {
  const url =
    typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
  if (typeof url !== 'string' || !/^https?:\/\//.test(url) || !URL.canParse(url)) {
    throw new ConfigError(`${name} in /config.json must be a web address`)
  }
  return url
}

export class ConfigError extends Error {
  override name = 'ConfigError'
}
