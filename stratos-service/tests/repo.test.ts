import { join } from 'node:path'
import * as atcuteCrypto from '@atcute/crypto'
import * as atcuteRepo from '@atcute/repo'
import { readCarWithRoot, verifyRepo } from '@atproto/repo'
import { ProofClient, sendRequest, type Account } from 'test-network'
import { parseDid } from 'stratos-core'
import { collectRepoBlocks, writeCar } from 'stratos-core/repo'
import { afterEach, describe, expect, it } from 'vitest'
import { openStorage } from '../src/stores/open-storage.ts'
import { accountOf, useNetwork } from './_util/network.ts'
import { POST, post } from './_util/post.ts'

const network = useNetwork()

/** The key that the service publishes for an account. */
async function publishedKey({ did }: Account): Promise<string> {
  const url = `${network().serviceUrl}/xrpc/zone.stratos.enrollment.status?did=${did}`
  return (await sendRequest('GET', url)).body.signingKey
}

/** Exports a repo from the data directory, which the service must have left. */
async function exportCar({ did }: Account): Promise<Uint8Array<ArrayBuffer>> {
  const dataDir = join(network().directory, 'service', 'data')
  const storage = await openStorage({ backend: 'sqlite', dataDir, openActors: 10 }, Date.now)
  try {
    return await storage.actors.read(parseDid(did), async ({ repo }) => {
      const head = await repo.findHead()
      if (head === null) throw new Error('there is no head')
      const chunks: Uint8Array[] = []
      for await (const chunk of writeCar(head.cid, collectRepoBlocks(repo, head.cid))) chunks.push(chunk)
      const blocks = await repo.listBlocks('', 10_000)
      const { blocks: exported } = await readCarWithRoot(Uint8Array.from(Buffer.concat(chunks)))
      // Nothing is kept that the newest commit does not reach.
      expect(blocks.map(({ cid }) => cid).toSorted()).toEqual([...exported.cids()].map(String).toSorted())
      return Uint8Array.from(Buffer.concat(chunks))
    })
  } finally {
    await storage.close()
  }
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
    const { creates, entries } = await verifyBoth(await exportCar(carol), carol, key)
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
    const found = await verifyBoth(await exportCar(account), account, key)
    expect(found.rev).toBe(body.commit.rev)
    expect(new Map(found.entries.map((entry) => [entry.rkey, entry.cid.$link]))).toEqual(expected)
  })
})
