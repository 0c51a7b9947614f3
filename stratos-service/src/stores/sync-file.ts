import { fdatasync, fdatasyncSync } from 'node:fs'
import { promisify } from 'node:util'
import { SIDE_BY_SIDE } from 'stratos-core/repo'

const fdatasyncOnThread = promisify(fdatasync)

/**
 * Resolves when everything written to the file so far is on the disk. Files of many databases may be on their way at once.
 *
 * @throws {Error} what the system says
 */
export async function syncFile(fd: number): Promise<void> {
  await SIDE_BY_SIDE.run(
    () => fdatasyncSync(fd),
    () => fdatasyncOnThread(fd),
  )
}
