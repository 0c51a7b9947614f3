import * as atcuteCrypto from '@atcute/crypto'
import * as atcuteRepo from '@atcute/repo'
import { readCarWithRoot, verifyRepo } from '@atproto/repo'
import { ProofClient, sendRequest, type Account } from 'test-network'
import { afterEach, describe, expect, it } from 'vitest'
import { accountOf, useNetwork } from './_util/network.ts'
import { exportCar, readOffline } from './_util/offline.ts'
import { POST, post } from './_util/post.ts'

const network = useNetwork()

/** The key that the service publishes for an account. */
async function publishedKey({ did }: Account): Promise<string> {
  const url = `${network().serviceUrl}/xrpc/zone.stratos.enrollment.status?did=${did}`
  return (await sendRequest('GET', url)).body.signingKey
}

/** Checks a repo with the official library, and its records with an independent one. */
async function verifyBoth(car: Uint8Array<ArrayBuffer>, account: Account, signingKey: string) {
  const { root, blocks } = await readCarWithRoot(car)
  const verified = await verifyRepo(blocks, root, account.did, signingKey)
  const { publicKeyBytes } = atcuteCrypto.parseDidKey(signingKey)
  const publicKey = await atcuteCrypto.P256PublicKey.importRaw(publicKeyBytes)
  const entries = [...atcuteRepo.fromUint8Array(car)]
  for (const { collection, rkey, cid } of entries) {
    const did = account.did as `did:plc:${string}`
    const record = await atcuteRepo.verifyRecord({ did, collection, rkey, publicKey, carBytes: car })
    expect(record.cid).toBe(cid.$link)
  }
  return { rev: verified.commit.rev, creates: verified.creates, entries }
}

describe('a repo in the data directory', () => {
  afterEach(async () => network().restartService())

  it('begins as a signed empty commit that two libraries accept', async () => {
    const carol = accountOf(network(), 'carol')
    const key = await publishedKey(carol)
    await network().stopService()
    const { creates, entries } = await verifyBoth(
      await readOffline(network(), carol.did, exportCar),
      carol,
      key,
    )
    expect([creates, entries]).toEqual([[], []])
  })

  it('is accepted after creates, an update and deletes, with the CIDs that the service gave', async () => {
    const net = network()
    const account = accountOf(net, 'alice')
    const key = await publishedKey(account)
    const alice = await ProofClient.signIn(net, account)
    const base = { repo: account.did, collection: POST }
    const expected = new Map<string, string>()
    let rev = ''
    for (let index = 0; index < 40; index += 1) {
      // Equal records share one block, which must survive the deletion of either.
      const record = post(net.serviceDid, `text ${index % 25}`, ['general'])
      const { body } = await alice.call('POST', 'com.atproto.repo.createRecord', {
        body: { ...base, record },
      })
      expected.set(body.uri.split('/').at(-1), body.cid)
      rev = body.commit.rev
    }
    const rkeys = [...expected.keys()]
    for (const rkey of rkeys.slice(0, 10)) {
      await alice.call('POST', 'com.atproto.repo.deleteRecord', { body: { ...base, rkey } })
      expected.delete(rkey)
    }
    const rkey = rkeys[20]
    if (rkey === undefined) throw new Error('unreachable')
    const put = { ...base, rkey, record: post(net.serviceDid, 'new text', ['writers']) }
    const { body } = await alice.call('POST', 'com.atproto.repo.putRecord', { body: put })
    expected.set(rkey, body.cid)
    expect(body.commit.rev > rev).toBe(true)

    await net.stopService()
    const found = await verifyBoth(await readOffline(net, account.did, exportCar), account, key)
    expect(found.rev).toBe(body.commit.rev)
    expect(new Map(found.entries.map((entry) => [entry.rkey, entry.cid.$link]))).toEqual(expected)
  })
})
