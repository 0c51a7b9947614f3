import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { Account, type Members } from './signing.ts'

/** A service with a DID document of its own, which an operator may allow-list. */
export class AppView {
  readonly account: Account
  readonly close: () => void

  private constructor(account: Account, close: () => void) {
    this.account = account
    this.close = close
  }

  static async start(): Promise<AppView> {
    const server = createServer((_request, response) => {
      response.setHeader('content-type', 'application/json').end(JSON.stringify(document))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const account = await Account.create(`did:web:localhost%3A${(server.address() as AddressInfo).port}`)
    const document = {
      '@context': ['https://www.w3.org/ns/did/v1'],
      id: account.did,
      verificationMethod: [
        {
          id: `${account.did}#atproto`,
          type: 'Multikey',
          controller: account.did,
          publicKeyMultibase: account.signingKey.slice('did:key:'.length),
        },
      ],
    }
    return new AppView(account, () => {
      server.close()
      server.closeAllConnections()
    })
  }

  get did(): string {
    return this.account.did
  }

  /** A token for one method of a service, good for a minute. */
  async token(aud: string, lxm: string, claims: Members = {}): Promise<string> {
    return this.account.serviceJwt({ aud, lxm, exp: Math.floor(Date.now() / 1000) + 60, ...claims })
  }
}
