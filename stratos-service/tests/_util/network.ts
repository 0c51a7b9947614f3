import { afterAll, beforeAll } from 'vitest'
import { startNetwork, type Account, type Network, type NetworkOptions } from 'test-network'

let database: Pick<NetworkOptions, 'storage' | 'layout'> = {}

/**
 * Chooses the database of every network that this file starts from here on. A file that runs the tests of another one on
 * another database calls this before it imports that one.
 */
export function useDatabase(chosen: typeof database): void {
  database = chosen
}

/** Starts a network before the tests of a file and ends it after them. @param options may depend on what is started first */
export function useNetwork(
  options: NetworkOptions | (() => Promise<NetworkOptions>) = { enrolled: true },
): () => Network {
  let network: Network | undefined
  beforeAll(async () => {
    const chosen = typeof options === 'function' ? await options() : options
    network = await startNetwork({ ...database, ...chosen })
  })
  afterAll(async () => {
    await network?.close()
  })
  return () => {
    if (network === undefined) throw new Error('the network is not up')
    return network
  }
}

export function accountOf(network: Network, name: string): Account {
  const account = network.accounts.find(({ handle }) => handle === `${name}.test`)
  if (account === undefined) throw new Error(`there is no ${name}`)
  return account
}
