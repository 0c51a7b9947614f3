import { ProofClient } from 'test-network'
import type { LoadRequest, LoadUser, NextRequest } from '../workloads/workload.ts'
import type { RequestSource } from './closed-loop.ts'
import type { SignedRequest } from './connection.ts'

/** A workload's requests, each with a proof of its own by the user who sends it. */
export function workloadSource(users: readonly LoadUser[], next: NextRequest): RequestSource {
  // Every user's proofs carry the same nonce: it is the service's, not the user's.
  const renew = (nonce: string | undefined): void => {
    for (const { client } of users) client.nonce = nonce
  }
  return {
    async refresh() {
      const [user] = users
      await user?.client.call('GET', 'zone.stratos.server.listDomains')
      renew(user?.client.nonce)
    },
    next: (connection) => signRequest(next(connection)),
    answered({ headers: { 'dpop-nonce': nonce } }) {
      if (typeof nonce === 'string' && nonce !== users[0]?.client.nonce) renew(nonce)
    },
  }
}

/** Reads of one record that the server of the read floor pretends to have. */
export function floorSource(url: string): RequestSource {
  const client = new ProofClient(url)
  const params = {
    repo: 'did:plc:44ybard66vv44zksje25o7dz',
    collection: 'zone.stratos.feed.post',
    rkey: '3kaaaaaaaaaa2',
  }
  return {
    refresh: async () => undefined,
    next: () => signRequest({ user: { client }, method: 'GET', nsid: 'com.atproto.repo.getRecord', params }),
    answered: () => undefined,
  }
}

function signRequest(request: Omit<LoadRequest, 'user'> & { user: Pick<LoadUser, 'client'> }): SignedRequest {
  const { method, nsid, params, user } = request
  const { client } = user
  const url = client.url(nsid, params)
  const body = request.body === undefined ? null : Buffer.from(JSON.stringify(request.body))
  const content: Record<string, string | number> =
    body === null ? {} : { 'content-type': 'application/json', 'content-length': body.byteLength }
  return {
    method,
    path: url.slice(client.serviceUrl.length),
    headers: { authorization: `DPoP ${client.token}`, dpop: client.proof(method, url), ...content },
    body,
  }
}
