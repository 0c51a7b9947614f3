import { readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/** The account a server process runs as, in the form that `spawn` takes; empty for the caller's own. */
export interface ServerAccount {
  readonly uid?: number
  readonly gid?: number
}

/** Postgres refuses to run as root. Root therefore lends it another account, `postgres` where there is one. */
export function postgresAccount(): ServerAccount {
  if (process.getuid?.() !== 0) return {}
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
  const found = ['postgres', 'nobody'].flatMap((wanted) => accounts.filter(([name]) => name === wanted))[0]
  if (found === undefined)
    throw new Error('root needs an account named postgres or nobody to run Postgres as')
  return { uid: Number(found[2]), gid: Number(found[3]) }
}

/**
 * Finds what keeps that account away from a directory.
 *
 * @returns the directory on the way there that others may not pass, or null; always null for anybody but root
 */
export function findClosedDirectory(directory: string): string | null {
  if (process.getuid?.() !== 0) return null
  for (let path = directory; path !== dirname(path); path = dirname(path)) {
    if ((statSync(path).mode & 0o001) === 0) return path
  }
  return null
}
