import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'

/**
 * Writes a database file anew, with nothing in it that is not in its tables, and without a log.
 *
 * SQLite's secure deletion overwrites what it deletes, but not the copies that stay behind in unused parts of pages when it
 * moves rows from one page to another. Takes time in proportion to the file, off the main thread.
 *
 * @param file that nobody else has open
 */
export async function rewriteFile(file: string): Promise<void> {
  const module = new URL(`./rewrite-worker${extname(import.meta.url)}`, import.meta.url)
  const worker = new Worker(module, { workerData: { file } })
  await new Promise<void>((resolve, reject) => {
    worker.once('error', reject)
    worker.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`it ended with ${code}`))))
  })
}
