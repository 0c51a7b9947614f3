import { afterAll, describe, it } from 'vitest'
import type { Network } from 'test-network'
import { AppView } from './_util/app-view.ts'
import { useNetwork } from './_util/network.ts'
import { seededRandom } from './_util/random.ts'
import { runStreamCampaign } from './_util/stream-campaign.ts'

const SECONDS = 90
const WRITERS = 20
const appview = await AppView.start()
afterAll(() => appview.close())
const env = {
  STRATOS_ALLOWED_APPVIEWS: appview.did,
  STRATOS_AUTH_FAILURES_PER_MINUTE: '100000',
  STRATOS_WRITE_RATE_MAX_WRITES: '1000000',
  STRATOS_STUBS: 'off',
}
const TIMEOUT = { timeout: 900_000 }

async function accountsOf(network: Network) {
  for (let number = network.accounts.length; number < WRITERS; number += 1) {
    await network.enroll(await network.createAccount(`writer${number}.test`))
  }
  for (const { did } of network.accounts) await network.setBoundaries(did, ['general'])
  return network.accounts
}

describe.each(['sqlite', 'postgres'] as const)(
  'a long campaign of consumers and accidents on %s',
  (storage) => {
    const network = useNetwork({ enrolled: true, storage, serviceEnv: env })

    it('ends with exactly what is in the repos of twenty people', TIMEOUT, async () => {
      const net = network()
      await runStreamCampaign({
        network: net,
        accounts: await accountsOf(net),
        appview,
        followed: [net.serviceUrl],
        writers: WRITERS,
        seconds: SECONDS,
        disturb: () => net.restartService('SIGKILL'),
        random: seededRandom(21),
      })
    })
  },
)

describe('a long campaign on two instances over one Postgres database', () => {
  const network = useNetwork({ enrolled: true, storage: 'postgres', serviceEnv: env })

  it(
    'ends with exactly what is in the repos, though one of them is killed again and again',
    TIMEOUT,
    async () => {
      const net = network()
      const second = await net.startInstance()
      await runStreamCampaign({
        network: net,
        accounts: await accountsOf(net),
        appview,
        followed: [net.serviceUrl, second.url],
        writers: WRITERS,
        seconds: SECONDS,
        disturb: () => net.restartService('SIGKILL'),
        random: seededRandom(22),
      })
    },
  )
})
