import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import Database from 'better-sqlite3'

/** A data directory that this process has to itself until it is closed. */
export interface DataDir {
  readonly path: string
  close(): void
}

/**
 * Takes a data directory into exclusive use, creating it if need be. The lock is SQLite's own, so it ends with the
 * process however that dies.
 *
 * @throws {Error} if another process uses the directory
 */
export async function openDataDir(path: string): Promise<DataDir> {
  await mkdir(path, { recursive: true, mode: 0o700 })
  await chmod(path, 0o700)
  const lock = new Database(join(path, 'lock.sqlite'), { timeout: 0 })
  try {
    lock.pragma('locking_mode = EXCLUSIVE')
    lock.exec('begin exclusive')
  } catch (err) {
    lock.close()
    throw new Error(`${path} is in use by another process of this service`, { cause: err })
  }
  return { path, close: () => lock.close() }
}
