import { randomBytes } from 'node:crypto'
import { chmod, link, mkdir, open, readFile, stat, unlink } from 'node:fs/promises'
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
  const temporary = `${path}.${randomBytes(6).toString('hex')}`
  const file = await open(temporary, 'wx', OWNER_ONLY)
  try {
    await file.writeFile(await make())
    await file.sync()
  } finally {
    await file.close()
  }
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

async function readSecret(path: string): Promise<Uint8Array | null> {
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
