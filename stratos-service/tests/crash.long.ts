import { describe, it } from 'vitest'
import type { NetworkOptions } from 'test-network'
import { CRASH_LIMITS, runCrashCampaign } from './_util/crash-campaign.ts'
import { accountOf, useNetwork } from './_util/network.ts'
import { seededRandom } from './_util/random.ts'

const KILLS = 200
const databases: [string, Pick<NetworkOptions, 'storage' | 'layout'>][] = [
  ['SQLite', { storage: 'sqlite' }],
  ['Postgres', { storage: 'postgres', layout: 'schema' }],
]

describe.each(databases)('a service on %s that is killed two hundred times', (_name, database) => {
  const network = useNetwork({ ...database, enrolled: true, serviceEnv: CRASH_LIMITS })

  it(
    'FLT-001: keeps what it has acknowledged, whole, and lets the stubs catch up',
    { timeout: 3_600_000 },
    async () => {
      const net = network()
      const accounts = [accountOf(net, 'alice'), accountOf(net, 'bob')]
      const seed = Number(process.env.STRATOS_TEST_SEED ?? 11)
      await runCrashCampaign({
        network: net,
        accounts,
        kills: KILLS,
        random: seededRandom(seed),
        pauseMs: 80,
      })
    },
  )
})
