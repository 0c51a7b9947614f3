import { AtpAgent } from '@atproto/api'

/** A user of the network. `enrolled` and `boundaries` follow what the network did; everything else is fixed. */
export interface Account {
  readonly handle: string
  readonly did: string
  readonly email: string
  readonly password: string
  enrolled: boolean
  /** Fully qualified: `did:web:…/name`. */
  boundaries: string[]
}

/** The people every network starts with, and the boundaries they get when it enrolls them. */
export const CAST: readonly { readonly handle: string; readonly boundaries: readonly string[] }[] = [
  { handle: 'alice.test', boundaries: ['general', 'writers'] },
  { handle: 'bob.test', boundaries: ['general', 'writers'] },
  { handle: 'carol.test', boundaries: ['other'] },
]

/**
 * Creates an account on the PDS, or returns the one a former run with the same data directory created.
 *
 * @param handle under `.test`, with at least three characters before it
 */
export async function openAccount(pdsUrl: string, handle: string): Promise<Account> {
  const name = handle.split('.')[0] ?? handle
  const email = `${name}@mail.test`
  const password = `${name}-password`
  const did = (await findDid(pdsUrl, handle)) ?? (await createAccount(pdsUrl, { handle, email, password }))
  return { handle, did, email, password, enrolled: false, boundaries: [] }
}

async function createAccount(
  pdsUrl: string,
  input: { handle: string; email: string; password: string },
): Promise<string> {
  const agent = new AtpAgent({ service: pdsUrl })
  const { data } = await agent.createAccount(input)
  return data.did
}

async function findDid(pdsUrl: string, handle: string): Promise<string | null> {
  const url = new URL('/xrpc/com.atproto.identity.resolveHandle', pdsUrl)
  url.searchParams.set('handle', handle)
  const response = await fetch(url)
  const body = (await response.json()) as { did?: string }
  return response.ok && body.did !== undefined ? body.did : null
}

/** An agent signed in with a fresh app password, as a script or an old client would be. */
export async function appPasswordAgent(pdsUrl: string, account: Account): Promise<AtpAgent> {
  const owner = new AtpAgent({ service: pdsUrl })
  await owner.login({ identifier: account.handle, password: account.password })
  const name = `script ${crypto.randomUUID().slice(0, 8)}`
  const { data } = await owner.com.atproto.server.createAppPassword({ name })
  const agent = new AtpAgent({ service: pdsUrl })
  await agent.login({ identifier: account.handle, password: data.password })
  return agent
}
