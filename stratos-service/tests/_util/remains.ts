import { readFileSync, statSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Network } from 'test-network'
import { dumpTables } from './databases.ts'

/** Everything that the service of a network has stored, as bytes: names and contents of files, and all tables. */
export async function storedBytes(network: Network): Promise<Buffer> {
  const directory = join(network.directory, 'service', 'data')
  const tables = network.postgresUrl === null ? '' : await dumpTables(network.postgresUrl)
  return Buffer.concat([await bytesOfFiles(directory), Buffer.from(tables, 'latin1')])
}

/** Names and contents of all files below a directory; names count as well, where there is a directory for each actor. */
export async function bytesOfFiles(directory: string): Promise<Buffer> {
  const names = await readdir(directory, { recursive: true })
  const files = names.map((name) => join(directory, name)).filter((path) => statSync(path).isFile())
  return Buffer.concat(files.map((path) => Buffer.concat([Buffer.from(`\n${path}\n`), readFileSync(path)])))
}
