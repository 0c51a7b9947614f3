import { afterAll, describe, it } from 'vitest'
import { AppView } from './_util/app-view.ts'
import { useNetwork } from './_util/network.ts'
import { seededRandom } from './_util/random.ts'
import { runStreamCampaign } from './_util/stream-campaign.ts'

const appview = await AppView.start()
afterAll(() => appview.close())
const network = useNetwork({
  enrolled: true,
  serviceEnv: {
    STRATOS_ALLOWED_APPVIEWS: appview.did,
    STRATOS_AUTH_FAILURES_PER_MINUTE: '100000',
    STRATOS_WRITE_RATE_MAX_WRITES: '1000000',
    STRATOS_STUBS: 'off',
  },
})

describe('consumers that have accidents, of a service that is killed while twenty write', () => {
  it('end with exactly what is in the repos, in order and without a gap', { timeout: 180_000 }, async () => {
    const net = network()
    for (const { did } of net.accounts) await net.setBoundaries(did, ['general'])
    await runStreamCampaign({
      network: net,
      accounts: net.accounts,
      appview,
      followed: [net.serviceUrl],
      writers: 20,
      seconds: 6,
      disturb: () => net.restartService('SIGKILL'),
      random: seededRandom(11),
    })
  })
})
