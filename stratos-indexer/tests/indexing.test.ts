import pg from 'pg'
import { waitUntil } from 'test-network'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Campaign } from './_util/campaign.ts'

let campaign: Campaign

beforeAll(async () => {
  campaign = await Campaign.start('postgres')
})
afterAll(async () => campaign?.close())

const sameAsSource = (what: string) =>
  waitUntil(what, async () => (await campaign.indexed()).join() === (await campaign.source()).join(), 60_000)

it('after indexer, service, PDS and database were killed in turn, the tables are what the repos are', async () => {
  const { network, indexer } = campaign
  const kills = [
    () => network.restartPds(),
    () => network.restartService('SIGKILL'),
    async () => {
      await network.restartDatabase()
      // The service's pool has connections that are gone; it says so once.
      await waitUntil('the service', async () =>
        campaign.source().then(
          () => true,
          () => false,
        ),
      )
    },
  ]
  for (const [round, kill] of kills.entries()) {
    const made = await Promise.all(
      Array.from({ length: 12 }, (_, n) => campaign.create(`round ${round}, post ${n}`, ['general'])),
    )
    const stopping = indexer.stop('SIGKILL')
    for (const uri of made.slice(0, 3)) await campaign.delete(uri)
    await stopping
    for (const uri of made.slice(3, 6)) await campaign.edit(uri, 'edited', ['writers', 'general'])
    // It starts while the others are away or coming back.
    await Promise.all([indexer.start(), kill()])
    await campaign.create(`after round ${round}`, ['general'])
  }
  await sameAsSource('catching up')
  expect(await campaign.source()).toHaveLength(30)
})

it('the service and the database may go while the indexer runs', async () => {
  const { network } = campaign
  await network.restartDatabase()
  await waitUntil('the service', async () =>
    campaign.source().then(
      () => true,
      () => false,
    ),
  )
  await campaign.create('after the database', ['general'])
  await network.restartService('SIGKILL')
  await campaign.create('after the service', ['general'])
  await sameAsSource('coming back')
})

it('a cursor of another time has all repos read anew, and what the service does not have is gone', async () => {
  const { indexer } = campaign
  await indexer.stop('SIGKILL')
  await campaign.use(async ({ db }) => {
    const [first, second] = await db.selectFrom('stratos_record').selectAll().limit(2).execute()
    if (first === undefined || second === undefined) throw new Error('there is nothing')
    const gone = { ...first, uri: `${first.uri}gone`, rkey: `${first.rkey}gone` }
    await db.insertInto('stratos_record').values(gone).execute()
    await db.deleteFrom('stratos_record').where('uri', '=', second.uri).execute()
    await db.updateTable('stratos_sync_cursor').set({ seq: 1_000_000 }).execute()
  })
  await indexer.start()
  await sameAsSource('reading anew')
  await campaign.create('after it', ['general'])
  await sameAsSource('indexing')
})

it('events that the service has forgotten are made up for by reading the repos', async () => {
  const { indexer, network } = campaign
  await indexer.stop('SIGKILL')
  const [first = ''] = await campaign.source()
  await campaign.delete(first.split(' ')[0] ?? '')
  const made = await campaign.create('while nobody listened', ['general'])
  await forgetEvents(network.postgresUrl ?? '')
  await campaign.edit(made, 'and edited', ['writers'])
  await indexer.start()
  await sameAsSource('reading the repos')
  const metrics = await (await fetch(`${indexer.url}/metrics`)).text()
  expect(metrics).toMatch(/stratos_indexer_resyncs_total\{[^}]*\} 1\n/)
})

it('of a service without a stream of everything, each account is followed by itself', async () => {
  const { indexer, network } = campaign
  await indexer.stop()
  indexer.configure({ STRATOS_INDEXER_STREAMS: 'actors' })
  await indexer.start()
  const uri = await campaign.create('followed by myself', ['general'])
  await sameAsSource('following')
  const cursors = await campaign.use(({ db }) =>
    db.selectFrom('stratos_sync_cursor').select('did').where('did', '!=', '').execute(),
  )
  expect(cursors.length).toBeGreaterThan(0)
  await campaign.edit(uri, 'edited by myself', ['writers'])
  await indexer.stop('SIGKILL')
  await campaign.create('meanwhile', ['general'])
  await campaign.delete(uri)
  await campaign.use(async ({ db }) => {
    await db.updateTable('stratos_sync_cursor').set({ seq: 1_000_000 }).where('did', '!=', '').execute()
  })
  await indexer.start()
  await sameAsSource('reading the repo')
  await network.restartService('SIGKILL')
  await campaign.create('after the service', ['general'])
  await sameAsSource('coming back')
})

/** As the service does with those that are older than it is told to keep. */
async function forgetEvents(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rowCount } = await client.query("delete from event where feed = 'service'")
  expect(rowCount).toBeGreaterThan(0)
  await client.end()
}
