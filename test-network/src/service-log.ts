const LEVELS: Readonly<Record<number, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
}

/**
 * Renders a line of the service's log for a person.
 *
 * @param line JSON as pino writes it; anything else is passed on, because it is most likely a crash
 * @param minLevel pino's number: 30 is info, 40 is warn
 * @returns null for a line below `minLevel`
 */
export function formatServiceLine(line: string, minLevel: number): string | null {
  const entry = parseEntry(line)
  if (entry === null) return line
  if (entry.level < minLevel) return null
  const problem = entry.err?.stack ?? entry.err?.message
  const text = `${LEVELS[entry.level] ?? entry.level} ${entry.msg ?? ''}`.trim()
  return problem === undefined ? text : `${text}\n${problem}`
}

interface Entry {
  level: number
  msg?: string
  err?: { message?: string; stack?: string }
}

function parseEntry(line: string): Entry | null {
  try {
    const value: unknown = JSON.parse(line)
    const isEntry =
      typeof value === 'object' && value !== null && 'level' in value && typeof value.level === 'number'
    return isEntry ? (value as Entry) : null
  } catch (err) {
    if (err instanceof SyntaxError) return null
    throw err
  }
}
