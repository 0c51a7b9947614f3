import { setTimeout as delay } from 'node:timers/promises'
import { ProofClient, sendRequest } from 'test-network'
import { expect, it } from 'vitest'
import { accountOf, useNetwork } from './_util/network.ts'
import { POST, post } from './_util/post.ts'

const network = useNetwork({ enrolled: true, serviceEnv: { STRATOS_WRITE_RATE_MAX_WRITES: '100000' } })
const TRIALS = process.env.STRATOS_TEST_LONG === 'true' ? 1_000 : 30

const tell = (name: string, body: object) =>
  sendRequest('POST', `${network().serviceUrl}/xrpc/zone.stratos.admin.${name}`, {
    body,
    headers: {
      authorization: `Basic ${Buffer.from(`admin:${network().adminPassword}`).toString('base64')}`,
    },
  })

it('RAC-009: once a boundary is said to be taken away, no record appears behind it any more', async () => {
  const account = accountOf(network(), 'alice')
  const { did } = account
  const alice = await ProofClient.signIn(network(), account)
  const boundary = `${network().serviceDid}/writers`
  const create = (text: string) =>
    alice.call('POST', 'com.atproto.repo.createRecord', {
      body: { repo: did, collection: POST, record: post(network().serviceDid, text, ['writers']) },
    })
  const newest = async (): Promise<string[]> => {
    const params = { repo: did, collection: POST, limit: 30 }
    const { body } = await alice.call('GET', 'com.atproto.repo.listRecords', { params })
    return body.records.map(({ uri }: { uri: string }) => uri)
  }
  let [written, refused] = [0, 0]
  for (let trial = 0; trial < TRIALS; trial += 1) {
    await tell('addBoundary', { did, boundary })
    const before = new Set(await newest())
    // Some of the writes arrive before the removal, some with it, some after it.
    const creates = Array.from({ length: 4 }, async (_, n) => {
      await delay(n * 2)
      return create(`${trial} ${n}`)
    })
    await delay(trial % 8)
    const removed = await tell('removeBoundary', { did, boundary })
    expect(removed.status).toBe(200)
    const thenThere = new Set((await newest()).filter((uri) => !before.has(uri)))
    const answers = await Promise.all(creates)
    for (const { status, body } of answers) {
      if (status === 200) expect(thenThere).toContain(body.uri)
      else expect([status, body.error]).toEqual([400, 'ForbiddenBoundary'])
      if (status === 200) written += 1
      else refused += 1
    }
    expect((await newest()).filter((uri) => !before.has(uri)).toSorted()).toEqual([...thenThere].toSorted())
  }
  // Otherwise the trials did not race.
  expect(Math.min(written, refused)).toBeGreaterThan(0)
}, 600_000)

it('an operator ends an enrollment, once', async () => {
  const { did } = accountOf(network(), 'carol')
  expect((await tell('unenroll', { did })).body).toEqual({ success: true })
  const again = await tell('unenroll', { did })
  expect([again.status, again.body.error]).toEqual([404, 'NotFound'])
  const status = await sendRequest(
    'GET',
    `${network().serviceUrl}/xrpc/zone.stratos.enrollment.status?did=${did}`,
  )
  expect(status.body.enrolled).toBe(false)
})
