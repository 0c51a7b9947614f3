import { randomInt } from 'node:crypto'
import { ProofClient } from 'test-network'
import { expect, it } from 'vitest'
import { accountOf, useNetwork } from './_util/network.ts'
import { POST, post } from './_util/post.ts'
import { signedRankP } from './_util/signed-rank.ts'

const PAIRS = 500
/** Chance makes one series in a hundred look like a difference; a difference shows in every one. */
const MAX_SERIES = 3

const network = useNetwork({ enrolled: true })

it.each([
  ['com.atproto.repo.getRecord', (did: string, rkey: string) => ({ repo: did, collection: POST, rkey })],
  [
    'zone.stratos.repo.hydrateRecord',
    (did: string, rkey: string) => ({ uri: `at://${did}/${POST}/${rkey}` }),
  ],
  ['com.atproto.sync.getRecord', (did: string, rkey: string) => ({ did, collection: POST, rkey })],
] as const)('%s takes as long for a hidden record as for a missing one', async (nsid, paramsOf) => {
  const alice = accountOf(network(), 'alice')
  const writer = await ProofClient.signIn(network(), alice)
  const reader = await ProofClient.signIn(network(), accountOf(network(), 'carol'))
  const record = post(network().serviceDid, 'hidden', ['writers'])
  const { body } = await writer.call('POST', 'com.atproto.repo.createRecord', {
    body: { repo: alice.did, collection: POST, record },
  })
  const hidden: string = body.uri.split('/').at(-1)
  const missing = `${hidden.slice(0, -1)}${hidden.endsWith('2') ? '3' : '2'}`
  const timeMs = async (rkey: string) => {
    const startedAt = performance.now()
    const { status } = await reader.call('GET', nsid, { params: paramsOf(alice.did, rkey) })
    expect(status).toBe(404)
    return performance.now() - startedAt
  }
  for (let count = 0; count < 200; count++) await timeMs(count % 2 === 0 ? hidden : missing)

  for (let series = 1; ; series++) {
    const differences: number[] = []
    for (let pair = 0; pair < PAIRS; pair++) {
      const hiddenFirst = randomInt(2) === 0
      const first = await timeMs(hiddenFirst ? hidden : missing)
      const second = await timeMs(hiddenFirst ? missing : hidden)
      differences.push(hiddenFirst ? first - second : second - first)
    }
    const p = signedRankP(differences)
    if (series < MAX_SERIES && p <= 0.01) continue
    expect(p).toBeGreaterThan(0.01)
    return
  }
})
