import { describe, it } from 'vitest'
import { CRASH_LIMITS, runCrashCampaign } from './_util/crash-campaign.ts'
import { accountOf, useNetwork } from './_util/network.ts'
import { seededRandom } from './_util/random.ts'

const network = useNetwork({ enrolled: true, serviceEnv: CRASH_LIMITS })

describe('a service that is killed again and again while people write', () => {
  it('keeps what it has acknowledged, whole, and lets the stubs catch up', { timeout: 300_000 }, async () => {
    const net = network()
    const accounts = [accountOf(net, 'alice'), accountOf(net, 'bob')]
    await runCrashCampaign({ network: net, accounts, kills: 10, random: seededRandom(7) })
  })
})
