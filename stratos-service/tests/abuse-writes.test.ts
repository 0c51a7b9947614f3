import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { ProofClient, type Answer } from 'test-network'
import { beforeAll, describe, expect, it } from 'vitest'
import { accountOf, useNetwork } from './_util/network.ts'
import { POST, post } from './_util/post.ts'
import { seededRandom } from './_util/random.ts'

const EXTRA = 'com.example.note'
const network = useNetwork({
  enrolled: true,
  serviceEnv: {
    STRATOS_WRITE_RATE_MAX_WRITES: '100000',
    STRATOS_WRITE_RATE_MAX_FAILURES: '100000',
    STRATOS_EXTRA_COLLECTIONS: EXTRA,
  },
})
const CREATE = 'com.atproto.repo.createRecord'
const PUT = 'com.atproto.repo.putRecord'
const APPLY = 'com.atproto.repo.applyWrites'

interface Person {
  readonly did: string
  readonly client: ProofClient
}
let alice: Person
let bob: Person
let carol: Person
let serviceDid: string

beforeAll(async () => {
  const net = network()
  serviceDid = net.serviceDid
  const signIn = async (name: string): Promise<Person> => {
    const account = accountOf(net, name)
    return { did: account.did, client: await ProofClient.signIn(net, account) }
  }
  ;[alice, bob, carol] = await Promise.all([signIn('alice'), signIn('bob'), signIn('carol')])
})

const create = ({ did, client }: Person, record: unknown, more: object = {}) =>
  client.call('POST', CREATE, { body: { repo: did, collection: POST, record, ...more } })
const list = async ({ did, client }: Person, collection = POST): Promise<{ uri: string; cid: string }[]> => {
  const params = { repo: did, collection, limit: 100 }
  return (await client.call('GET', 'com.atproto.repo.listRecords', { params })).body.records
}
const outcome = ({ status, body }: Answer) => [status, body?.error]
const rkeyOf = (answer: Answer): string => answer.body.uri.split('/').at(-1)

describe('creating, putting and deleting records', () => {
  it('CRR-001, AWR-003: nobody writes into the repo of somebody else', async () => {
    const before = await list(bob)
    const record = post(serviceDid, 'x', ['general'])
    const body = { repo: bob.did, collection: POST, record }
    const batch = { repo: bob.did, writes: [{ action: 'create', collection: POST, record }] }
    for (const answer of [
      await alice.client.call('POST', CREATE, { body }),
      await alice.client.call('POST', PUT, { body: { ...body, rkey: '3kaaaaaaaaaa2' } }),
      await alice.client.call('POST', APPLY, { body: batch }),
    ]) {
      expect(outcome(answer)).toEqual([401, 'AuthenticationRequired'])
    }
    expect(await list(bob)).toEqual(before)
  })

  it('CRR-003, CRR-017: no boundary that the author lacks is accepted, nor are those told', async () => {
    const denied = await create(carol, post(serviceDid, 'x', ['general']))
    expect(outcome(denied)).toEqual([400, 'ForbiddenBoundary'])
    expect(denied.body.message).not.toMatch(/writers/)
    const own = await create(carol, post(serviceDid, 'mine', ['other']))
    expect(own.status).toBe(200)
    const moved = { rkey: rkeyOf(own), record: post(serviceDid, 'mine', ['other', 'general']) }
    const answer = await carol.client.call('POST', PUT, {
      body: { repo: carol.did, collection: POST, ...moved },
    })
    expect(outcome(answer)).toEqual([400, 'ForbiddenBoundary'])
  })

  it.each([
    ['of another service', () => 'did:web:other.example/general'],
    ['without a service', () => 'general'],
    ['with a path', () => `${serviceDid}/general/../writers`],
    ['in upper case', () => `${serviceDid}/GENERAL`],
    ['with a blank', () => `${serviceDid}/general `],
    ['in look-alike letters', () => `${serviceDid}/gеnеral`],
  ])('CRR-005: a boundary %s is refused', async (_what, value) => {
    const boundary = { $type: 'zone.stratos.boundary.defs#Domains', values: [{ value: value() }] }
    const answer = await create(alice, { ...post(serviceDid, 'x', []), boundary })
    expect(answer.status).toBe(400)
    expect(['ServiceMismatch', 'ForbiddenBoundary', 'InvalidRecord']).toContain(answer.body.error)
  })

  it('CRR-007: a record of an unknown kind without a boundary is for its owner alone', async () => {
    const collection = 'zone.stratos.other'
    const made = await create(alice, { $type: collection, x: 1 }, { collection })
    expect(made.status).toBe(200)
    const params = { repo: alice.did, collection, rkey: rkeyOf(made) }
    expect((await alice.client.call('GET', 'com.atproto.repo.getRecord', { params })).status).toBe(200)
    expect((await bob.client.call('GET', 'com.atproto.repo.getRecord', { params })).status).toBe(404)
    expect((await fetch(alice.client.url('com.atproto.repo.getRecord', params))).status).toBe(404)
  })

  it('CRR-009: the type of a record is its collection', async () => {
    for (const $type of [undefined, 'zone.stratos.other', 7, '', null, POST.toUpperCase()]) {
      const answer = await create(alice, { ...post(serviceDid, 'x', ['general']), $type })
      expect(answer.status).toBe(400)
    }
    await expect(list(alice)).resolves.toBeDefined()
  })

  it('CRR-011: record keys are those that atproto allows', async () => {
    const good = [
      '3jui7kd54zh2y',
      'self',
      'example.com',
      '~1.2-3_',
      'dHJ1ZQ',
      'pre:fix',
      '_',
      'a'.repeat(512),
    ]
    const bad = [
      'alpha/beta',
      '.',
      '..',
      '#extra',
      '@handle',
      'any space',
      'any+space',
      'num[3]',
      'dHJ1ZQ==',
      '%30',
      '',
      'é',
      'a'.repeat(513),
    ]
    for (const [rkeys, status] of [
      [good, 200],
      [bad, 400],
    ] as const) {
      for (const rkey of rkeys) {
        const answer = await create(alice, { $type: EXTRA }, { collection: EXTRA, rkey })
        expect([rkey, answer.status]).toEqual([rkey, status])
      }
    }
  })

  const SYNTAX: [kind: string, ask: (value: string) => Promise<Answer>, good: string[], bad: string[]][] = [
    [
      'a DID',
      (did) => alice.client.call('GET', 'zone.stratos.enrollment.status', { params: { did } }),
      [
        ...['did:plc:7iza6de2dwap2sbkpav7c6c6', 'did:web:example.com', 'did:web:localhost%3A8443', 'did:a:b'],
        ...[
          'did:method:val:two',
          'did:method::val',
          'did:m:-.:_',
          'did:key:zQ3shZc2QzApp2oymGvQbzP8eKheVshBHb',
        ],
        `did:method:${'v'.repeat(240)}`,
      ],
      [
        ...['did', 'did:', 'did:method', 'did:method:', 'DID:method:val', 'did:METHOD:val', 'did:m123:val'],
        ...[
          'did:method:val/two',
          'did:method:val?two',
          'did:method:val#two',
          'did:method:val%',
          'did:method:v:',
        ],
        ...[
          ' did:method:val',
          'did:method:val ',
          'did:me-thod:val',
          'notdid:method:val',
          'did:method:vál',
          '',
        ],
        `did:method:${'v'.repeat(2_048)}`,
      ],
    ],
    [
      'an NSID',
      (collection) =>
        alice.client.call('GET', 'com.atproto.repo.listRecords', { params: { repo: alice.did, collection } }),
      [
        ...[
          'com.example.fooBar',
          'net.users.bob.ping',
          'a-0.b-1.c',
          'a.b.c',
          'cn.8.lex.stuff',
          'com.EXAMPLE.x',
        ],
        ...[
          'xn--a.example.cats',
          'com.example.a1',
          `com.${'o'.repeat(63)}.foo`,
          `com.example.${'o'.repeat(63)}`,
        ],
      ],
      [
        ...['com', 'com.example', 'example', 'com.example.3', 'com.example.foo.*', 'com.exa💩ple.thing', ''],
        ...[
          'com.example.foo-bar',
          'com.-example.foo',
          'com.example-.foo',
          '1com.example.foo',
          'com..example.foo',
        ],
        ...[
          '.com.example.foo',
          'com.example.foo.',
          'com.example foo',
          'com.example.foo#bar',
          'com/example.foo.a',
        ],
        ...[`com.${'o'.repeat(64)}.foo`, `com.example.${'o'.repeat(64)}`, `com.${'a.'.repeat(160)}foo`],
      ],
    ],
    [
      'an AT URI',
      (uri) => alice.client.call('GET', 'zone.stratos.repo.hydrateRecord', { params: { uri } }),
      [
        'at://did:plc:asdf123/com.atproto.feed.post/record',
        'at://did:web:localhost%3A8443/com.example.a/3jui7kd54zh2y',
        'at://did:plc:asdf123/com.example.fooBar/a:b_c~d.e-f',
      ],
      [
        ...[
          'at://did:plc:asdf123',
          'at://did:plc:asdf123/com.atproto.feed.post',
          'at:/did:plc:a/com.b.c/d',
          '',
        ],
        ...[
          'at://did:plc:a/com.b.c/d/e',
          'at://did:plc:a/com.b.c/d/',
          'at://did:plc:a//com.b.c/d',
          'at:///com.b.c/d',
        ],
        ...[
          'AT://did:plc:a/com.b.c/d',
          'https://did:plc:a/com.b.c/d',
          'at://did:plc:a/com.b.c/d#/e',
          'at://@a/b.c.d/e',
        ],
        ...[
          'at://did:plc:a/com.b.c/.',
          'at://did:plc:a/com.b.c/..',
          'at://did:plc:a/com.b.c/d?e=f',
          'at://a b/c.d.e/f',
        ],
        ...[
          'at://did:plc:a/12345/d',
          'at://did:plc:a/com.b.c/%23',
          ' at://did:plc:a/com.b.c/d',
          'at://did:plc/com.b.c/d',
        ],
        `at://did:plc:a/com.b.c/${'d'.repeat(8_200)}`,
      ],
    ],
    [
      'a time',
      (createdAt) => create(alice, { ...post(serviceDid, 'when', ['general']), createdAt }),
      [
        ...[
          '1985-04-12T23:20:50.123Z',
          '1985-04-12T23:20:50Z',
          '1985-04-12T23:20:50.1Z',
          '2000-02-29T00:00:00Z',
        ],
        ...['1985-04-12T23:20:50.123+01:45', '1985-04-12T23:20:50.123-07:00', '0010-01-01T00:00:00.000Z'],
        '1985-04-12T23:20:50.123456789Z',
      ],
      [
        ...[
          '1985-04-12',
          '1985-04-12T23:20Z',
          '1985-04-12T23:20:50.123',
          '1985-04-12 23:20:50.123Z',
          '23:20:50Z',
          '',
        ],
        ...[
          '1985-4-12T23:20:50Z',
          '85-04-12T23:20:50Z',
          '1985-04-12t23:20:50z',
          '1985-04-12T23:20:50.Z',
          'now',
        ],
        ...[
          '1985-13-12T23:20:50Z',
          '1985-04-31T99:20:50Z',
          '1985-04-12T23:20:50.123-00:00',
          '+001985-04-12T23:20:50Z',
        ],
        ...[
          '1985-04-12T23:20:50.123+0145',
          '1985-04-12T23:20:50.123Z ',
          '-1985-04-12T23:20:50Z',
          '485568050',
        ],
      ],
    ],
    [
      'a TID',
      (since) => alice.client.call('GET', 'zone.stratos.sync.getRepo', { params: { did: alice.did, since } }),
      ['3jzfcijpj2z2a', '7777777777777', '3zzzzzzzzzzzz', '2222222222222', 'jzzzzzzzzzzzz'],
      [
        ...['3jzfcijpj2z21', '0000000000000', '3jzfcijpj2z2aa', '3jzfcijpj2z2', '3jzf-cij-pj2z-2a'],
        ...['3JZFCIJPJ2Z2A', 'zzzzzzzzzzzzz', 'kjzfcijpj2z2a', '3jzfcijpj2z2!', ' 3jzfcijpj2z2a'],
      ],
    ],
    [
      'a handle',
      (repo) =>
        alice.client.call('GET', 'com.atproto.repo.listRecords', { params: { repo, collection: POST } }),
      ['alice.test', 'ALICE.test'],
      [
        ...[
          'alice',
          'alice.',
          '.alice.test',
          'alice..test',
          '-alice.test',
          'alice-.test',
          'ali_ce.test',
          '@alice.test',
        ],
        ...[
          'alice@test.com',
          'al ice.test',
          'alice.test/',
          'alice.1',
          'ålice.test',
          '127.0.0.1',
          `${'a'.repeat(64)}.test`,
        ],
        ...[`${'a.'.repeat(130)}test`, 'alice.test:80', 'https://alice.test', ''],
      ],
    ],
  ]
  it.each(SYNTAX)(
    'VAL-013: %s is what the specification says, and nothing else',
    async (_kind, ask, good, bad) => {
      const isRefused = async (value: string) => {
        const { status, body } = await ask(value)
        expect(status, value).toBeLessThan(500)
        return status === 400 && ['InvalidRequest', 'InvalidRecord'].includes(body.error)
      }
      const refused = async (values: readonly string[]) => {
        const outcomes = await Promise.all(values.map(isRefused))
        return values.filter((_, index) => outcomes[index])
      }
      expect(await refused(good)).toEqual([])
      expect(await refused(bad)).toEqual(bad)
    },
  )

  it('CRR-013, CRR-015: a stale head and a missing record lead to no commit', async () => {
    const first = await create(alice, post(serviceDid, 'one', ['general']))
    const second = await create(alice, post(serviceDid, 'two', ['general']))
    const stale = await create(alice, post(serviceDid, 'no', ['general']), {
      swapCommit: first.body.commit.cid,
    })
    expect(outcome(stale)).toEqual([400, 'InvalidSwap'])
    const missing = { repo: alice.did, collection: POST, rkey: '3kzzzzzzzzzz2' }
    const deleted = await alice.client.call('POST', 'com.atproto.repo.deleteRecord', { body: missing })
    expect([deleted.status, deleted.body]).toEqual([200, {}])
    // The head is still that of the second post.
    const third = await create(alice, post(serviceDid, 'three', ['general']), {
      swapCommit: second.body.commit.cid,
    })
    expect(third.status).toBe(200)
  })

  it('CRR-019: the same key in another repo is another record', async () => {
    const rkey = '3kqqqqqqqqqq2'
    const record = (text: string) => post(serviceDid, text, ['general'])
    const put = ({ did, client }: Person, text: string) =>
      client.call('POST', PUT, { body: { repo: did, collection: POST, rkey, record: record(text) } })
    expect((await put(alice, 'of alice')).status).toBe(200)
    expect((await put(bob, 'of bob')).status).toBe(200)
    const params = { repo: alice.did, collection: POST, rkey }
    const found = await alice.client.call('GET', 'com.atproto.repo.getRecord', { params })
    expect(found.body.value.text).toBe('of alice')
  })

  it('CRR-021: a reply is not wider than its parent, whose other boundaries stay unknown', async () => {
    const parent = await create(alice, post(serviceDid, 'parent', ['general']))
    const ref = { uri: parent.body.uri, cid: parent.body.cid }
    const wider = post(serviceDid, 'x', ['general', 'writers'], { reply: { root: ref, parent: ref } })
    const answer = await create(bob, wider)
    expect(outcome(answer)).toEqual([400, 'InvalidRecord'])
    expect(answer.body.message).not.toMatch(/general|writers/)
  })

  it.each([
    ['an unknown DID', 'at://did:plc:zzzzzzzzzzzzzzzzzzzzzzzz/zone.stratos.feed.post/3kaaaaaaaaaa2'],
    ['another service', 'at://did:web:other.example/zone.stratos.feed.post/3kaaaaaaaaaa2'],
    ['no URI', 'nonsense'],
    ['a URI of 10 KiB', `at://did:plc:x/zone.stratos.feed.post/${'a'.repeat(10_240)}`],
  ])('CRR-023: a reply to %s is refused', async (_what, uri) => {
    const ref = { uri, cid: 'bafyreieqrl2ubdwkmlksykmyh7hxheoawknlmeommud6ym3loospdsyzry' }
    const record = post(serviceDid, 'x', ['general'], { reply: { root: ref, parent: ref } })
    expect((await create(alice, record)).status).toBe(400)
    expect((await create(alice, record, { validate: false })).status).toBe(400)
  })

  it('CRR-025: no public post is embedded, however it is hidden', async () => {
    const uri = 'at://did:plc:zzzzzzzzzzzzzzzzzzzzzzzz/app.bsky.feed.post/3kaaaaaaaaaa2'
    const strong = { uri, cid: 'bafyreieqrl2ubdwkmlksykmyh7hxheoawknlmeommud6ym3loospdsyzry' }
    const quote = { $type: 'app.bsky.embed.record', record: strong }
    const withMedia = (record: object) => ({
      $type: 'app.bsky.embed.recordWithMedia',
      record,
      media: {
        $type: 'app.bsky.embed.external',
        external: { uri: 'https://a.example', title: '', description: '' },
      },
    })
    const embeds = [
      quote,
      withMedia(quote),
      withMedia(withMedia(withMedia(quote))),
      { $type: 'com.example.embed', deep: [{ quoted: ` ${uri.replace('at:', 'AT:')}\n` }] },
    ]
    for (const embed of embeds) {
      const record = post(serviceDid, 'x', ['general'], { embed })
      for (const validate of [undefined, false]) {
        const answer = await create(alice, record, { validate })
        expect(outcome(answer)).toEqual([400, 'InvalidRecord'])
        if (validate === false) expect(answer.body.message).toMatch(/CrossNamespaceEmbed/)
      }
    }
  })

  it('CRR-027: a text is as long as its lexicon allows', async () => {
    for (const text of ['x'.repeat(3_001), 'é'.repeat(301), '\u200d'.repeat(80_000)]) {
      expect((await create(alice, post(serviceDid, text, ['general']))).status).toBe(400)
    }
    expect((await create(alice, post(serviceDid, 'é'.repeat(300), ['general']))).status).toBe(200)
  })
})

describe('applyWrites', () => {
  const record = (text: string, names = ['general']) => post(serviceDid, text, names)
  const apply = (writes: unknown) => alice.client.call('POST', APPLY, { body: { repo: alice.did, writes } })
  const write = (kind: string, more: object) => ({ $type: `${APPLY}#${kind}`, collection: POST, ...more })

  it('AWR-001: three kinds of changes are one commit with typed results', async () => {
    const [first, second] = [await create(alice, record('a')), await create(alice, record('b'))]
    const answer = await apply([
      write('create', { value: record('c') }),
      write('update', { rkey: rkeyOf(first), value: record('d') }),
      write('delete', { rkey: rkeyOf(second) }),
    ])
    expect(answer.status).toBe(200)
    const kinds = answer.body.results.map(({ $type }: { $type: string }) => $type.split('#')[1])
    expect(kinds).toEqual(['createResult', 'updateResult', 'deleteResult'])
    // One commit: the next one builds on it.
    const next = await create(alice, record('e'), { swapCommit: answer.body.commit.cid })
    expect(next.status).toBe(200)
  })

  it('AWR-005, AWR-011: a batch whose last change is refused changes nothing', async () => {
    const head = (await create(alice, record('head'))).body.commit.cid
    const before = await list(alice)
    const good = Array.from({ length: 9 }, (_, index) => write('create', { value: record(`n ${index}`) }))
    const answer = await apply([...good, write('create', { value: record('no', ['other']) })])
    expect(outcome(answer)).toEqual([400, 'ForbiddenBoundary'])
    expect(await list(alice)).toEqual(before)
    expect((await create(alice, record('next'), { swapCommit: head })).status).toBe(200)
  })

  it('AWR-007: changes of a batch that contradict each other are refused, and what is missing needs no deletion', async () => {
    const before = await list(alice)
    const rkey = '3krrrrrrrrrr2'
    const one = write('create', { rkey, value: record('x') })
    expect((await apply([one, write('delete', { rkey })])).status).toBe(400)
    expect((await apply([one, one])).status).toBe(400)
    expect((await apply([write('update', { rkey, value: record('x') })])).status).toBe(400)
    const nothing = await apply([write('delete', { rkey })])
    expect([nothing.status, nothing.body.commit]).toEqual([200, undefined])
    expect(await list(alice)).toEqual(before)
  })
})

describe('bodies of requests', () => {
  const send = (nsid: string, bytes: Uint8Array, headers: Record<string, string> = {}) => {
    const url = alice.client.url(nsid)
    return alice.client.send('POST', url, {
      body: Buffer.from(bytes),
      headers: { dpop: alice.client.proof('POST', url), ...headers },
    })
  }
  const methods = [CREATE, PUT, APPLY, 'com.atproto.repo.deleteRecord', 'zone.stratos.repo.hydrateRecords']
  const bodies: [string, Buffer][] = [
    ['nothing', Buffer.from('')],
    ['null', Buffer.from('null')],
    ['a list', Buffer.from('[]')],
    ['text', Buffer.from('"x"')],
    ['a number', Buffer.from('1')],
    ['half an object', Buffer.from('{"repo":')],
    ['a byte order mark', Buffer.from('\ufeff{"uris":[]}')],
    ['UTF-16', Buffer.from('{"uris":[]}', 'utf16le')],
    ['invalid UTF-8', Buffer.from('{"uris":["\xff"]}', 'latin1')],
    ['a member twice', Buffer.from('{"uris":[],"uris":[]}')],
    ['something behind the end', Buffer.from('{"uris":[]}x')],
  ]

  it.each(bodies)('VAL-001: %s is a bad request, to every method', async (_what, bytes) => {
    for (const nsid of methods) {
      const answer = await send(nsid, bytes)
      expect([nsid, ...outcome(answer)]).toEqual([nsid, 400, 'InvalidRequest'])
    }
    const utf16 = await send(CREATE, bytes, { 'content-type': 'application/json; charset=utf-16' })
    expect(utf16.status).toBe(400)
  })

  it('VAL-003: 20,000 levels of nesting are refused, and the service goes on', async () => {
    const deep = Buffer.from(`{"record":${'['.repeat(20_000)}${']'.repeat(20_000)}}`)
    for (const nsid of methods) expect((await send(nsid, deep)).status).toBe(400)
    expect((await create(alice, post(serviceDid, 'still here', ['general']))).status).toBe(200)
  })

  it('VAL-015: a body that grows beyond the limit when it is unpacked is too large', async () => {
    const bomb = gzipSync(Buffer.alloc(50 * 1024 * 1024, ' '))
    const answer = await send(CREATE, bomb, { 'content-encoding': 'gzip' })
    expect(outcome(answer)).toEqual([413, 'PayloadTooLarge'])
  })

  it('LIM-007: fifty of the largest bodies at once take little memory, and hold up nobody', async () => {
    const start = JSON.stringify({ repo: alice.did, collection: EXTRA, record: { $type: EXTRA } }).slice(
      0,
      -2,
    )
    const largest = Buffer.from(`${start},"text":"${'x'.repeat(256 * 1024 - start.length - 12)}"}}`)
    expect(largest.length).toBe(256 * 1024)
    const sent = Promise.all(Array.from({ length: 50 }, () => send(CREATE, largest)))
    const health = await bob.client.call('GET', 'zone.stratos.server.listDomains')
    expect(health.status).toBe(200)
    for (const { status } of await sent) expect([200, 413]).toContain(status)
    const status = readFileSync(`/proc/${network().service.pid}/status`, 'utf8')
    expect(Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1])).toBeLessThan(512 * 1024)
  })

  const RAW = 'bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq'
  const values: [string, string][] = [
    ['VAL-005: a fraction', '1.5'],
    ['VAL-005: too large a number', '1e400'],
    ['VAL-005: an integer beyond 2^53', '9007199254740993'],
    ['VAL-007: a link that is none', '{"$link":"not-a-cid"}'],
    ['VAL-007: a link with another member', `{"$link":"${RAW}","x":1}`],
    ['VAL-007: bytes that are not base64', '{"$bytes":"!!"}'],
    ['VAL-007: a blob whose ref is a number', '{"$type":"blob","ref":1}'],
    ['VAL-007: a blob of earlier days', `{"cid":"${RAW}","mimeType":"image/png"}`],
    [
      'VAL-007: a blob with an unknown member',
      `{"$type":"blob","ref":{"$link":"${RAW}"},"mimeType":"image/png","size":1,"x":1}`,
    ],
    ['VAL-009: half a surrogate pair', String.raw`"\ud800"`],
    ['VAL-009: a text of 1 MiB', JSON.stringify('x'.repeat(200 * 1024))],
  ]
  it.each(values)('%s is refused', async (what, json) => {
    const text = `{"repo":"${alice.did}","collection":"${EXTRA}","record":{"$type":"${EXTRA}","x":${json}}}`
    const answer = await send(CREATE, Buffer.from(text))
    // Fits as JSON; the other limits are those of the record.
    if (what.includes('1 MiB')) expect(answer.status).toBe(200)
    else expect(answer.status).toBe(400)
  })

  it('VAL-011: what is accepted comes back as it was, and nothing makes the service fail', async () => {
    const random = seededRandom(23)
    const made = new Map<string, { cid: string; value: unknown }>()
    for (let batch = 0; batch < 40; batch += 1) {
      const records = Array.from({ length: 25 }, () => ({ $type: EXTRA, x: randomValue(random, 0) }))
      const answers = await Promise.all(records.map((record) => create(alice, record, { collection: EXTRA })))
      for (const [index, answer] of answers.entries()) {
        expect([200, 400]).toContain(answer.status)
        if (answer.status === 200) made.set(answer.body.uri, { cid: answer.body.cid, value: records[index] })
      }
    }
    expect(made.size).toBeGreaterThan(200)
    const uris = [...made.keys()]
    for (let start = 0; start < uris.length; start += 100) {
      const body = { uris: uris.slice(start, start + 100) }
      const { body: found } = await alice.client.call('POST', 'zone.stratos.repo.hydrateRecords', { body })
      expect(found.records).toHaveLength(body.uris.length)
      for (const { uri, cid, value } of found.records) expect({ cid, value }).toEqual(made.get(uri))
    }
  })
})

/** JSON of all sorts, now and then of a sort that no record may have. */
function randomValue(random: () => number, depth: number): unknown {
  const pick = Math.floor(random() * (depth > 3 ? 7 : 10))
  const text = () =>
    String.fromCharCode(
      ...Array.from({ length: Math.floor(random() * 6) }, () => Math.floor(random() * 0xd7ff)),
    )
  const some = <T>(make: () => T) => Array.from({ length: Math.floor(random() * 4) }, make)
  switch (pick) {
    case 0:
      return null
    case 1:
      return random() < 0.5
    case 2:
      return Math.floor((random() - 0.5) * 2 ** 54)
    case 3:
      return random() < 0.1 ? random() : 7
    case 4:
      return random() < 0.2 ? { $link: text() } : { $bytes: 'aGVsbG8' }
    case 5:
    case 6:
      return text()
    case 7:
      return some(() => randomValue(random, depth + 1))
    default:
      return Object.fromEntries(some(() => [text(), randomValue(random, depth + 1)]))
  }
}
