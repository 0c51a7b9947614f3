import { randomBytes } from 'node:crypto'
import { chmod, link, mkdir, open, readFile, rename, stat, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'

const OWNER_ONLY = 0o600

/**
 * Reads a private key file, or writes it with `make()` when there is none. The file appears whole or not at all, is
 * readable by its owner only, and is never overwritten: of two that create it, both get the first one's bytes.
 */
export async function loadOrCreateSecret(path: string, make: () => Promise<Uint8Array>): Promise<Uint8Array> {
  const existing = await readSecret(path)
  if (existing !== null) return existing
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const temporary = await writeBeside(path, await make())
  try {
    // A link fails when the name is taken, where a rename would replace it.
    await link(temporary, path)
    await syncDirectory(dirname(path))
  } catch (err) {
    if (!isCode(err, 'EEXIST')) throw err
  } finally {
    await unlink(temporary)
  }
  const written = await readSecret(path)
  if (written === null) throw new Error(`${path} vanished while it was being created`)
  return written
}

/** Puts other bytes into a private key file, all of them or none. */
export async function replaceSecret(path: string, secret: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await rename(await writeBeside(path, secret), path)
  await syncDirectory(dirname(path))
}

/** @returns path of a new file in the same directory, which is on the disk */
async function writeBeside(path: string, secret: Uint8Array): Promise<string> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`
  const file = await open(temporary, 'wx', OWNER_ONLY)
  try {
    await file.writeFile(secret)
    await file.sync()
  } finally {
    await file.close()
  }
  return temporary
}

/** Reads a private key file, which is closed to others first. @returns null if there is none */
export async function readSecret(path: string): Promise<Uint8Array | null> {
  try {
    const { mode } = await stat(path)
    if ((mode & 0o077) !== 0) await chmod(path, OWNER_ONLY)
    return await readFile(path)
  } catch (err) {
    if (isCode(err, 'ENOENT')) return null
    throw err
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

function isCode(err: unknown, code: string): boolean {
  return err instanceof Error && 'code' in err && err.code === code
}
