import { waitUntil } from 'test-network'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Campaign } from './_util/campaign.ts'

const ROUNDS = 12

describe.each(['sqlite', 'postgres'] as const)('an indexer on %s', (storage) => {
  let campaign: Campaign

  beforeAll(async () => {
    campaign = await Campaign.start(storage)
  }, 600_000)
  afterAll(async () => campaign?.close())

  it('has what the repos have after everything was killed again and again, in any order', async () => {
    const { network, indexer } = campaign
    const kills = {
      indexer: async () => {
        await indexer.stop('SIGKILL')
        await indexer.start()
      },
      service: () => network.restartService('SIGKILL'),
      pds: () => network.restartPds(),
      ...(storage === 'postgres' ? { database: () => network.restartDatabase() } : {}),
    }
    const live: string[] = []
    for (let round = 0; round < ROUNDS; round += 1) {
      for (let n = 0; n < 15; n += 1)
        live.push(await campaign.create(`round ${round}, post ${n}`, ['general']))
      const names = Object.keys(kills).toSorted(() => Math.random() - 0.5) as (keyof typeof kills)[]
      // Two at the same time, the others one after the other.
      await Promise.all(names.slice(0, 2).map((name) => kills[name]?.()))
      for (const name of names.slice(2)) await kills[name]?.()
      await waitUntil('the service', async () =>
        campaign.source().then(
          () => true,
          () => false,
        ),
      )
      for (const uri of live.splice(0, 5)) await campaign.delete(uri)
      for (const uri of live.slice(0, 3)) await campaign.edit(uri, `edited in round ${round}`, ['writers'])
    }
    const expected = await campaign.source()
    expect(expected).toHaveLength(ROUNDS * 10)
    await waitUntil('catching up', async () => (await campaign.indexed()).join() === expected.join(), 120_000)
  }, 1_200_000)
})
