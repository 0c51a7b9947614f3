import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { Account } from './signing.ts'

/**
 * What a server answers to one path, as JSON, with status 200 unless `status` says otherwise, and at once unless it is `after`
 * something; null for no answer, ever.
 */
export type Page = (
  req: IncomingMessage,
  body: string,
) => { readonly status?: number; readonly json: object; readonly after?: Promise<void> } | null

/** A `did:web` on loopback with a key of its own: a service, or an account with a PDS that a test makes up. */
export interface WebIdentity {
  readonly account: Account
  readonly did: string
  readonly origin: string
  /** Paths that were asked for, in order. */
  readonly asked: string[]
  /** What is answered, by path; tests may change it. */
  readonly pages: Map<string, Page>
  /** Listens no more, until `resume`. */
  suspend(): Promise<void>
  resume(): Promise<void>
  close(): Promise<void>
}

/** @param services entries of the DID document, given the origin of the server */
export async function startWebIdentity(
  services: (origin: string, did: string) => readonly object[] = () => [],
): Promise<WebIdentity> {
  const pages = new Map<string, Page>()
  const asked: string[] = []
  const server = createServer((req, res) => {
    void (async () => {
      const path = (req.url ?? '').split('?')[0] ?? ''
      asked.push(path)
      const chunks: Buffer[] = []
      for await (const chunk of req) chunks.push(chunk as Buffer)
      const page = pages.get(path) ?? ((): ReturnType<Page> => ({ status: 404, json: {} }))
      const answer = page(req, Buffer.concat(chunks).toString('utf8'))
      if (answer === null) return
      const { status = 200, json, after } = answer
      await after
      res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json))
    })()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const origin = `http://localhost:${port}`
  const did = `did:web:localhost%3A${port}`
  const account = await Account.create(did)
  const document = {
    '@context': ['https://www.w3.org/ns/did/v1'],
    id: did,
    verificationMethod: [
      {
        id: `${did}#atproto`,
        type: 'Multikey',
        controller: did,
        publicKeyMultibase: account.signingKey.slice('did:key:'.length),
      },
    ],
    service: services(origin, did),
  }
  const close = async (): Promise<void> => {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }
  pages.set('/.well-known/did.json', () => ({ json: document }))
  return {
    account,
    did,
    origin,
    asked,
    pages,
    suspend: close,
    resume: async () => {
      server.listen(port, '127.0.0.1')
      await once(server, 'listening')
    },
    close,
  }
}
