import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { sendRequest, type Answer, type Network } from 'test-network'
import { Account } from './signing.ts'

/** A service whose DID document is on loopback, to be put on the allow list, or left off it. */
export interface AppView {
  readonly did: string
  call(
    network: Network,
    method: 'GET' | 'POST',
    nsid: string,
    options?: { readonly params?: Readonly<Record<string, string | number>>; readonly body?: object },
  ): Promise<Answer>
  close(): void
}

export async function startAppView(): Promise<AppView> {
  let account: Account | null = null
  const server = createServer((_req, res) => {
    const id = account?.did
    const publicKeyMultibase = account?.signingKey.slice('did:key:'.length)
    const verificationMethod = [{ id: `${id}#atproto`, type: 'Multikey', controller: id, publicKeyMultibase }]
    res.setHeader('content-type', 'application/json').end(JSON.stringify({ id, verificationMethod }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const known = await Account.create(`did:web:localhost%3A${(server.address() as AddressInfo).port}`)
  account = known
  return {
    did: known.did,
    async call(network, method, nsid, { params = {}, body } = {}) {
      const exp = Math.floor(Date.now() / 1000) + 60
      const token = await known.serviceJwt({ aud: network.serviceDid, lxm: nsid, exp })
      const url = new URL(`/xrpc/${nsid}`, network.serviceUrl)
      for (const [name, value] of Object.entries(params)) url.searchParams.set(name, String(value))
      return sendRequest(method, url.href, { body, headers: { authorization: `Bearer ${token}` } })
    },
    close: () => void server.close(),
  }
}
