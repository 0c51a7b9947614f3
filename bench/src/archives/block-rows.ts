import { fork } from 'node:child_process'
import { hash } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Network } from 'test-network'

/** Where the file of an actor is. */
export function databaseOf({ directory }: Network, did: string): string {
  const prefix = hash('sha256', did).slice(0, 2)
  return join(directory, 'service', 'data', 'actors', prefix, did, 'stratos.sqlite')
}

/** The floor of an export: a server that sends the blocks of a repo as they are in the database, and nothing else. */
export async function openRows(
  network: Network,
  did: string,
): Promise<{ readonly url: string; readonly close: () => void }> {
  const module = fileURLToPath(new URL('./block-rows-server.ts', import.meta.url))
  const place = network.postgresUrl ?? databaseOf(network, did)
  const child = fork(module, [place], { execArgv: ['--disable-warning=ExperimentalWarning'] })
  const [url] = (await once(child, 'message')) as [string]
  return { url, close: () => void child.kill() }
}
