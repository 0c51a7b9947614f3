/**
 * Entry of the child process in which the read floor is served: one method on a bare `@atproto/xrpc-server`, which
 * verifies the signature of the request's proof and answers with a text that is always the same. Tells its parent the
 * URL through IPC.
 */
import { createPublicKey, verify, type JsonWebKey, type KeyObject } from 'node:crypto'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer } from '@atproto/xrpc-server'
import { com } from 'stratos-core/lexicons'

const ANSWER = Buffer.from(
  JSON.stringify({
    uri: 'at://did:plc:44ybard66vv44zksje25o7dz/zone.stratos.feed.post/3kaaaaaaaaaa2',
    cid: 'bafyreieqrl2ubdwkmlksykmyh7hxheoawknlmeommud6ym3loospdsyzry',
    value: {
      $type: 'zone.stratos.feed.post',
      text: 'A post that says in about as many words as people use what there is to say.',
      boundary: {
        $type: 'zone.stratos.boundary.defs#Domains',
        values: [{ value: 'did:web:localhost%3A3102/general' }],
      },
      createdAt: '2026-01-15T12:00:00.000Z',
    },
  }),
)

const keys = new Map<string, KeyObject>()

/** By the text of the header, which a client never changes. */
function keyOf(header: string): KeyObject {
  const known = keys.get(header)
  if (known !== undefined) return known
  const { jwk } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { jwk: JsonWebKey }
  const key = createPublicKey({ key: jwk, format: 'jwk' })
  keys.set(header, key)
  return key
}

function verifyProof(proof: unknown): void {
  if (typeof proof !== 'string') throw new Error('there is no proof')
  const end = proof.lastIndexOf('.')
  const key = { key: keyOf(proof.slice(0, proof.indexOf('.'))), dsaEncoding: 'ieee-p1363' } as const
  const signature = Buffer.from(proof.slice(end + 1), 'base64url')
  if (!verify('sha256', Buffer.from(proof.slice(0, end), 'latin1'), key, signature)) {
    throw new Error('the proof does not verify')
  }
}

const xrpc = createServer(undefined, { validateResponse: false })
xrpc.add(com.atproto.repo.getRecord, {
  auth: ({ req }) => {
    verifyProof(req.headers['dpop'])
    return { credentials: {} }
  },
  // The answer is text already: what it costs to make one is not part of the floor.
  handler: () => ({ encoding: 'application/json', buffer: ANSWER }) as never,
})

const server = createHttpServer(xrpc.router)
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  process.send?.(`http://localhost:${port}`)
})
process.once('disconnect', () => process.exit(0))
