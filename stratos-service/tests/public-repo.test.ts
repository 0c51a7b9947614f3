import { AtpAgent } from '@atproto/api'
import { ProofClient, waitUntil } from 'test-network'
import { verifyAttestation } from 'stratos-core'
import { describe, expect, it } from 'vitest'
import { accountOf, useNetwork } from './_util/network.ts'
import { POST, post } from './_util/post.ts'
import { ENROLLMENT, listPublic as listPublicOf } from './_util/public-repo.ts'

const network = useNetwork()
const listPublic = (did: string, collection: string) => listPublicOf(network(), did, collection)

async function exportPublic(did: string): Promise<Buffer> {
  const agent = new AtpAgent({ service: network().pdsUrl })
  return Buffer.from((await agent.com.atproto.sync.getRepo({ did })).data)
}

describe('the public repo of somebody enrolled', () => {
  it('announces the enrollment, attested by the service', async () => {
    const net = network()
    const { did, boundaries } = accountOf(net, 'alice')
    await waitUntil('the record has the new boundaries', async () => {
      const [record] = await listPublic(did, ENROLLMENT)
      return JSON.stringify(record?.value).includes('/writers')
    })
    const [record, ...others] = await listPublic(did, ENROLLMENT)
    expect(others).toEqual([])
    expect(record?.uri).toBe(`at://${did}/${ENROLLMENT}/${net.serviceDid.replace('%3A', ':')}`)
    const value = record?.value as {
      service: string
      boundaries: { value: string }[]
      signingKey: string
      attestation: { sig: Uint8Array; signingKey: string }
    }
    expect(value).toMatchObject({ $type: ENROLLMENT, service: net.serviceUrl })
    const attested = value.boundaries.map((boundary) => boundary.value)
    expect(attested.toSorted()).toEqual(boundaries.toSorted())

    const document = await (await fetch(`${net.serviceUrl}/.well-known/did.json`)).json()
    const [{ publicKeyMultibase }] = document.verificationMethod
    const { attestation } = value
    const membership = { did, boundaries: attested, signingKey: value.signingKey }
    await verifyAttestation(membership, attestation, `did:key:${publicKeyMultibase}`)
    const tampered = { ...membership, boundaries: attested.slice(1) }
    await expect(verifyAttestation(tampered, attestation, `did:key:${publicKeyMultibase}`)).rejects.toThrow()
  })

  it('holds a stub of every private post and not a word of it', async () => {
    const net = network()
    const { did } = accountOf(net, 'alice')
    const alice = await ProofClient.signIn(net, accountOf(net, 'alice'))
    const secret = 'xylophone marmalade quasar'
    const body = { repo: did, collection: POST, record: post(net.serviceDid, secret, ['general']) }
    const created = await alice.call('POST', 'com.atproto.repo.createRecord', { body })
    await waitUntil('the stub arrives', async () => (await listPublic(did, POST)).length === 1)

    const [stub] = await listPublic(did, POST)
    expect(stub?.uri).toBe(created.body.uri)
    expect(stub?.value).toEqual({
      $type: POST,
      source: {
        vary: 'authenticated',
        subject: { uri: created.body.uri, cid: created.body.cid },
        service: `${net.serviceDid}#atproto_pns`,
      },
      createdAt: '2026-01-15T12:00:00.000Z',
    })
    const everything = await exportPublic(did)
    for (const word of secret.split(' ')) expect(everything.includes(word)).toBe(false)

    const rkey = created.body.uri.split('/').at(-1)
    await alice.call('POST', 'com.atproto.repo.deleteRecord', { body: { repo: did, collection: POST, rkey } })
    await waitUntil('the stub goes', async () => (await listPublic(did, POST)).length === 0)
  })

  it('FLT-013: gets its stubs also when the service died before it could write them', async () => {
    const net = network()
    const { did } = accountOf(net, 'bob')
    const bob = await ProofClient.signIn(net, accountOf(net, 'bob'))
    const texts = ['one', 'two', 'three', 'four', 'five']
    const writes = texts.map((text) =>
      bob.call('POST', 'com.atproto.repo.createRecord', {
        body: { repo: did, collection: POST, record: post(net.serviceDid, text, ['general']) },
      }),
    )
    const uris = (await Promise.all(writes)).map(({ body }) => body.uri)
    await net.restartService('SIGKILL')
    await waitUntil('all stubs are there', async () => (await listPublic(did, POST)).length === texts.length)
    expect((await listPublic(did, POST)).map(({ uri }) => uri).toSorted()).toEqual(uris.toSorted())
  })
})
