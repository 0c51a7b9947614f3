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

/** A process that does what cannot be left out, and nothing else. */
export interface FloorServer {
  readonly url: string
  readonly close: () => void
}

/** The floor of an export: sends the blocks of a repo as they are in the database. */
export async function openRows(network: Network, did: string): Promise<FloorServer> {
  return openFloor('./block-rows-server.ts', [placeOf(network, did)])
}

/**
 * The floor of an import: takes in a file, takes the SHA-256 of each block, and inserts them in one durable transaction into a
 * table like the service's.
 */
export async function openSink(network: Network, did: string): Promise<FloorServer> {
  return openFloor('./block-sink-server.ts', [placeOf(network, did), network.directory])
}

function placeOf(network: Network, did: string): string {
  return network.postgresUrl ?? databaseOf(network, did)
}

async function openFloor(file: string, args: readonly string[]): Promise<FloorServer> {
  const module = fileURLToPath(new URL(file, import.meta.url))
  const child = fork(module, args, { execArgv: ['--disable-warning=ExperimentalWarning'] })
  const [url] = (await once(child, 'message')) as [string]
  return { url, close: () => void child.kill() }
}
