/** Runs in a thread of its own; see `rewriteFile`. */
import { statSync } from 'node:fs'
import { workerData } from 'node:worker_threads'
import Database from 'better-sqlite3'

/** Beyond this the copy that SQLite makes on the way is kept in a file that has no name. */
const MAX_IN_MEMORY_BYTES = 64 * 1024 * 1024

const { file } = workerData as { file: string }
const db = new Database(file, { fileMustExist: true })
db.pragma('synchronous = FULL')
if (statSync(file).size <= MAX_IN_MEMORY_BYTES) db.pragma('temp_store = MEMORY')
db.exec('vacuum')
// Closing the last connection empties and removes the log.
db.close()
