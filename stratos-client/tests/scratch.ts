import { startPlcAndPds, openOAuthSession, reserveFreePorts } from 'test-network'
import { buildStratosScopes } from '../src/index.ts'
const t = Date.now()
const [plc, pds] = await reserveFreePorts(2)
import { mkdtempSync } from 'node:fs'
const net = await startPlcAndPds({ ports: { plc, pds }, directory: mkdtempSync('/tmp/scr-'), log: console.log } as never)
const alice = await net.createAccount('alice.test')
console.log('up', Date.now() - t)
const serviceDid = 'did:web:localhost%3A3100'
const scope = buildStratosScopes({ serviceDid, collections: [] }).join(' ')
const { session } = await openOAuthSession(net, alice, scope)
console.log('session', Date.now() - t, (await session.getTokenInfo(false)).scope)
for (const aud of [serviceDid + '#atproto_pns', serviceDid, 'did:web:other.example#atproto_pns']) {
  const r = await session.fetchHandler('/xrpc/com.atproto.server.getServiceAuth?' + new URLSearchParams({ aud, lxm: 'zone.stratos.server.createSession' }))
  console.log(aud, r.status, (await r.text()).slice(0, 200))
}
await net.close()
process.exit(0)
