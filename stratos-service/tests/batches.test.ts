import { ProofClient } from 'test-network'
import { beforeAll, describe, expect, it } from 'vitest'
import { accountOf, useNetwork } from './_util/network.ts'
import { POST, post } from './_util/post.ts'

const network = useNetwork()
const APPLY = 'com.atproto.repo.applyWrites'
let alice: ProofClient
let did: string

beforeAll(async () => {
  did = accountOf(network(), 'alice').did
  alice = await ProofClient.signIn(network(), accountOf(network(), 'alice'))
})

const apply = (writes: unknown, more: object = {}, nsid = APPLY) =>
  alice.call('POST', nsid, { body: { repo: did, writes, ...more } })
const record = (text: string, names = ['general']) => post(network().serviceDid, text, names)
const create = (text: string, more: object = {}) => ({
  $type: `${APPLY}#create`,
  collection: POST,
  value: record(text),
  ...more,
})
const list = async () => {
  const { body } = await alice.call('GET', 'com.atproto.repo.listRecords', {
    params: { repo: did, collection: POST, limit: 100 },
  })
  return body.records as { uri: string; cid: string; value: { text: string } }[]
}
const rkeyOf = (uri: string) => uri.split('/').at(-1)

describe('applyWrites', () => {
  it('makes all changes in one commit and says what became of each', async () => {
    const first = await apply([create('one'), create('two')])
    const [one, two] = first.body.results
    const { status, body } = await apply([
      create('three'),
      { $type: `${APPLY}#update`, collection: POST, rkey: rkeyOf(one.uri), value: record('one, again') },
      { $type: `${APPLY}#delete`, collection: POST, rkey: rkeyOf(two.uri) },
    ])
    expect(status).toBe(200)
    expect(body.commit.rev > first.body.commit.rev).toBe(true)
    expect(body.results).toEqual([
      {
        $type: `${APPLY}#createResult`,
        uri: expect.any(String),
        cid: expect.any(String),
        validationStatus: 'valid',
      },
      { $type: `${APPLY}#updateResult`, uri: one.uri, cid: expect.any(String), validationStatus: 'valid' },
      { $type: `${APPLY}#deleteResult` },
    ])
    expect((await list()).map(({ value }) => value.text).toSorted()).toEqual(['one, again', 'three'])
  })

  it.each([APPLY, 'zone.stratos.repo.applyWrites'])(
    'takes the other spelling as well, as %s',
    async (nsid) => {
      const before = (await list()).length
      const created = await apply(
        [{ action: 'create', collection: POST, record: record('spelled') }],
        {},
        nsid,
      )
      const rkey = rkeyOf(created.body.results[0].uri)
      const changed = await apply(
        [{ action: 'update', collection: POST, rkey, record: record('other') }],
        {},
        nsid,
      )
      expect(changed.body.results[0].uri).toBe(created.body.results[0].uri)
      expect((await apply([{ action: 'delete', collection: POST, rkey }], {}, nsid)).status).toBe(200)
      expect(await list()).toHaveLength(before)
    },
  )

  const refused: [string, () => unknown, string][] = [
    [
      'the last one may not be written',
      () => [create('a'), create('b'), { ...create('c'), value: record('c', ['other']) }],
      'ForbiddenBoundary',
    ],
    [
      'two are about one record',
      () => [create('a', { rkey: '3kcccccccccc2' }), create('b', { rkey: '3kcccccccccc2' })],
      'InvalidRequest',
    ],
    [
      'one updates what is not there',
      () => [create('a'), { ...create('b', { rkey: '3kdddddddddd2' }), $type: `${APPLY}#update` }],
      'InvalidRequest',
    ],
    [
      'one is of no kind',
      () => [create('a'), { ...create('b'), $type: `${APPLY}#upsert` }],
      'InvalidRequest',
    ],
    ['one has no record', () => [create('a', { value: undefined })], 'InvalidRequest'],
    ['they are no list', () => ({}), 'InvalidRequest'],
    [
      'there are 201',
      () => Array.from({ length: 201 }, (_, index) => create(`n ${index}`)),
      'InvalidRequest',
    ],
  ]
  it.each(refused)('changes nothing when %s', async (_what, writes, error) => {
    const before = await list()
    const answer = await apply(writes())
    expect([answer.status, answer.body.error]).toEqual([400, error])
    expect(await list()).toEqual(before)
  })

  it('makes 200 changes at once', async () => {
    const { status, body } = await apply(Array.from({ length: 200 }, (_, index) => create(`batch ${index}`)))
    expect([status, body.results?.length]).toEqual([200, 200])
  })
})

describe('writes on condition', () => {
  it('go through with the right head and are refused with another', async () => {
    const first = await apply([create('head')], {})
    const { cid } = first.body.commit
    const body = { repo: did, collection: POST, record: record('swap') }
    const second = await alice.call('POST', 'com.atproto.repo.createRecord', {
      body: { ...body, swapCommit: cid },
    })
    expect(second.status).toBe(200)
    const third = await alice.call('POST', 'com.atproto.repo.createRecord', {
      body: { ...body, swapCommit: cid },
    })
    expect([third.status, third.body.error]).toEqual([400, 'InvalidSwap'])
  })

  it('compare the record they replace or delete', async () => {
    const rkey = '3keeeeeeeeee2'
    const key = { repo: did, collection: POST, rkey }
    const put = (text: string, more: object) =>
      alice.call('POST', 'com.atproto.repo.putRecord', { body: { ...key, record: record(text), ...more } })
    expect((await put('first', { swapRecord: null })).status).toBe(200)
    expect((await put('again', { swapRecord: null })).body.error).toBe('InvalidSwap')
    const { body: found } = await alice.call('GET', 'com.atproto.repo.getRecord', { params: key })
    const current: string = found.cid
    const changed = await put('second', { swapRecord: current })
    expect(changed.status).toBe(200)
    const remove = (swapRecord: string) =>
      alice.call('POST', 'com.atproto.repo.deleteRecord', { body: { ...key, swapRecord } })
    expect((await remove(current)).body.error).toBe('InvalidSwap')
    expect((await remove(changed.body.cid)).status).toBe(200)
  })

  it('let exactly one of many racing writers win', async () => {
    const { body: head } = await apply([create('start')])
    const race = Array.from({ length: 20 }, (_, index) =>
      alice.call('POST', 'com.atproto.repo.createRecord', {
        body: { repo: did, collection: POST, record: record(`racer ${index}`), swapCommit: head.commit.cid },
      }),
    )
    const answers = await Promise.all(race)
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(new Set(answers.map(({ status, body }) => body.error ?? status))).toEqual(
      new Set([200, 'InvalidSwap']),
    )
  })

  it('RAC-001: are not needed for a hundred writers at once: none is lost', async () => {
    const bob = await ProofClient.signIn(network(), accountOf(network(), 'bob'))
    const { did: repo } = accountOf(network(), 'bob')
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        bob.call('POST', 'com.atproto.repo.createRecord', {
          body: { repo, collection: POST, record: record(`w ${index}`) },
        }),
      ),
    )
    expect(answers.filter(({ status }) => status !== 200)).toEqual([])
    const { body } = await bob.call('GET', 'com.atproto.repo.listRecords', {
      params: { repo, collection: POST, limit: 100 },
    })
    expect(new Set(body.records.map(({ uri }: { uri: string }) => uri))).toEqual(
      new Set(answers.map((answer) => answer.body.uri)),
    )
    const revs = answers.map((answer) => answer.body.commit.rev)
    expect(new Set(revs).size).toBe(revs.length)
  })
})
