import { serviceJwt, type Instance } from 'test-network'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AppView } from './_util/app-view.ts'
import { accountOf, useNetwork } from './_util/network.ts'
import { seededRandom } from './_util/random.ts'
import { RECORDS, runStreamCampaign } from './_util/stream-campaign.ts'
import { StreamFollower } from './_util/stream-follower.ts'

const appview = await AppView.start()
const env = {
  STRATOS_ALLOWED_APPVIEWS: appview.did,
  STRATOS_AUTH_FAILURES_PER_MINUTE: '100000',
  STRATOS_WRITE_RATE_MAX_WRITES: '1000000',
  STRATOS_STUBS: 'off',
}
const network = useNetwork({ enrolled: true, storage: 'postgres', serviceEnv: env })
let second: Instance
beforeAll(async () => {
  second = await network().startInstance()
})
afterAll(() => appview.close())

describe('two instances over one Postgres database', () => {
  it(
    'tell consumers that have accidents everything in order, though one of them is killed and comes back',
    { timeout: 240_000 },
    async () => {
      const net = network()
      for (const { did } of net.accounts) await net.setBoundaries(did, ['general'])
      await runStreamCampaign({
        network: net,
        accounts: net.accounts,
        appview,
        followed: [net.serviceUrl, second.url],
        writers: 20,
        seconds: 6,
        disturb: () => net.restartService('SIGKILL'),
        random: seededRandom(12),
      })
    },
  )

  it('end a stream on one when access ends on the other', { timeout: 60_000 }, async () => {
    const net = network()
    const { did } = accountOf(net, 'alice')
    const domain = `${net.serviceDid}/general`
    const syncToken = await serviceJwt(net, accountOf(net, 'alice'), RECORDS)
    const query = new URLSearchParams({ did, domain, syncToken })
    const follower = new StreamFollower(`${second.url}/xrpc/${RECORDS}?${query}`)
    await new Promise((resolve) => follower.socket.once('open', resolve))
    await net.setBoundaries(did, ['writers'])
    const { code } = await follower.ended
    expect([code, follower.errors]).toEqual([1008, ['AuthenticationRequired']])
  })
})
