import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { ProofClient, sendRequest, serviceJwt, startNetwork, type Answer, type Network } from 'test-network'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { accountOf } from './_util/network.ts'
import { POST, post } from './_util/post.ts'
import {
  LET_IN,
  PRINCIPALS,
  REFUSED,
  routeCaseOf,
  VALUES,
  type Principal,
  type Scene,
} from './_util/route-cases.ts'
import { startWebIdentity, type WebIdentity } from './_util/web-identity.ts'

/** Stands in the contents that only some may see, and must stand nowhere else. */
const CANARY = 'canary-7f3a91'
const READERS: readonly Principal[] = ['owner', 'member', 'service']

interface Route {
  readonly method: string
  readonly guard: string
  readonly schema: LexiconMain
}

interface LexiconMain {
  readonly type: 'query' | 'procedure' | 'subscription'
  readonly parameters?: { readonly required?: readonly string[] }
  readonly input?: { readonly encoding: string; readonly schema?: { readonly required?: readonly string[] } }
}

const root = join(import.meta.dirname, '../..')

/** The reviewed list, which another test keeps equal to the table of routes. */
const routes: Route[] = readFileSync(join(root, 'stratos-service/src/xrpc/routes.snapshot.txt'), 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => {
    const [, method = '', guard = ''] = /^(\S+)\s+(.*)$/.exec(line) ?? []
    const file = join(root, 'lexicons', `${method.replaceAll('.', '/')}.json`)
    if (!existsSync(file)) throw new Error(`${method} has no lexicon`)
    const { defs } = JSON.parse(readFileSync(file, 'utf8')) as { defs: { main: LexiconMain } }
    return { method, guard, schema: defs.main }
  })

let network: Network
let service: WebIdentity
let unknown: WebIdentity
let scene: Scene
let senders: Readonly<Record<Principal, (route: Route) => Promise<Answer>>>

beforeAll(async () => {
  service = await startWebIdentity()
  unknown = await startWebIdentity()
  network = await startNetwork({
    enrolled: true,
    serviceEnv: {
      STRATOS_ALLOWED_APPVIEWS: service.did,
      STRATOS_AUTH_FAILURES_PER_MINUTE: '1000000',
      STRATOS_ADMIN_FAILURES_PER_MINUTE: '1000000',
    },
  })
  const [alice, bob, carol] = ['alice', 'bob', 'carol'].map((name) => accountOf(network, name))
  if (alice === undefined || bob === undefined || carol === undefined)
    throw new Error('the cast is not complete')
  const visitor = await network.createAccount('dave.test')
  const former = await network.createAccount('erin.test')
  await network.enroll(former)
  await network.setBoundaries(former.did, ['general', 'writers'])
  await network.setBoundaries(former.did, [])

  const clients = await Promise.all(
    [alice, bob, carol, visitor, former, alice].map((account) => ProofClient.signIn(network, account)),
  )
  const [owner, member, stranger, notEnrolled, exMember, revoked] = clients as [
    ProofClient,
    ProofClient,
    ProofClient,
    ProofClient,
    ProofClient,
    ProofClient,
  ]
  const record = post(network.serviceDid, CANARY, ['writers'])
  const made = await owner.call('POST', 'com.atproto.repo.createRecord', {
    body: { repo: alice.did, collection: POST, record },
  })
  expect(made.status).toBe(200)
  scene = {
    owner: alice.did,
    collection: POST,
    rkey: String(made.body.uri).split('/').at(-1) ?? '',
    uri: made.body.uri,
    cid: made.body.cid,
    boundary: `${network.serviceDid}/general`,
    record,
    nobody: 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa',
  }
  await revoked.call('POST', 'zone.stratos.server.deleteSession')
  // Never used before it expires, so that the service has no copy of it.
  const expired = new ProofClient(network.serviceUrl)
  expire((await expired.register(network, alice)).body.jkt)

  const forged = async (route: Route) => {
    const [header, payload, signature = ''] = (await serviceJwt(network, alice, route.method)).split('.')
    return `Bearer ${header}.${payload}.${signature.replace(/^./, (c) => (c === 'A' ? 'B' : 'A'))}`
  }
  const admin = `Basic ${Buffer.from(`admin:${network.adminPassword}`).toString('base64')}`
  const byKey = (client: ProofClient) => (route: Route) =>
    client.call(verbOf(route), route.method, requestOf(route))
  const byHeader =
    (authorization: (route: Route) => Promise<string> | string | null) => async (route: Route) => {
      const value = await authorization(route)
      const { params, ...rest } = requestOf(route)
      const headers = { ...rest.headers, ...(value === null ? {} : { authorization: value }) }
      return sendRequest(verbOf(route), owner.url(route.method, params), { ...rest, headers })
    }
  const byIdentity = ({ account }: WebIdentity) =>
    byHeader(async ({ method }) => {
      const exp = Math.floor(Date.now() / 1000) + 60
      return `Bearer ${await account.serviceJwt({ aud: network.serviceDid, lxm: method, exp })}`
    })
  senders = {
    anonymous: byHeader(() => null),
    'bad credential': byHeader(forged),
    'not enrolled': byKey(notEnrolled),
    stranger: byKey(stranger),
    member: byKey(member),
    'ex-member': byKey(exMember),
    owner: byKey(owner),
    service: byIdentity(service),
    'unknown service': byIdentity(unknown),
    admin: byHeader(() => admin),
    'expired session': byKey(expired),
    'revoked session': byKey(revoked),
  }
})

afterAll(async () => {
  await network?.close()
  await service?.close()
  await unknown?.close()
})

/** Moves the end of a session into the past. */
function expire(jkt: string): void {
  const file = join(network.directory, 'service', 'data', 'service.sqlite')
  const db = new Database(file)
  const { changes } = db.prepare('update session_key set expires_at_ms = 1 where jkt = ?').run(jkt)
  db.close()
  expect(changes).toBe(1)
}

function verbOf({ schema }: Route): 'GET' | 'POST' {
  return schema.type === 'procedure' ? 'POST' : 'GET'
}

/** A request that would be right if it came from the right one. @throws {Error} for a route that nobody has described */
function requestOf({ method, schema }: Route) {
  const own = routeCaseOf(method)
  const valuesOf = (names: readonly string[]) =>
    Object.fromEntries(
      names.map((name) => {
        const value = VALUES[name]
        if (value === undefined)
          throw new Error(`${method} needs ${name}: add it to tests/_util/route-cases.ts`)
        return [name, value(scene)]
      }),
    )
  const params =
    own.params?.(scene) ?? (valuesOf(schema.parameters?.required ?? []) as Record<string, string>)
  if (schema.input === undefined) return { params }
  if (own.bytes !== undefined) {
    return { params, body: own.bytes.content, headers: { 'content-type': own.bytes.type } }
  }
  if (schema.input.encoding !== 'application/json') {
    throw new Error(`${method} takes ${schema.input.encoding}: add bytes to tests/_util/route-cases.ts`)
  }
  return { params, body: own.body?.(scene) ?? valuesOf(schema.input.schema?.required ?? []) }
}

function letInBy({ method, guard }: Route): readonly Principal[] {
  const letIn = routeCaseOf(method).letsIn ?? LET_IN[guard.split(/[:(]/)[0] ?? '']
  if (letIn === undefined)
    throw new Error(`the guard ${guard} is new: say in tests/_util/route-cases.ts whom it lets in`)
  return letIn
}

describe.each(routes.map((route) => [route.method, route] as const))(
  'MTX-001 MTX-003 MTX-005: %s',
  (_, route) => {
    it.each(PRINCIPALS)(
      'treats %s as its guard says, and shows nobody what is not theirs',
      async (principal) => {
        const answer = await senders[principal](route)
        const letIn = letInBy(route).includes(principal)
        const isRefusal = answer.status === 401 || answer.status === 403
        expect(answer.status, answer.bytes.toString().slice(0, 300)).toBeLessThan(500)
        if (REFUSED.includes(principal)) expect(answer.status).toBe(401)
        if (letIn) expect(isRefusal, `${answer.status} ${answer.bytes.toString().slice(0, 300)}`).toBe(false)
        else expect([200, 201, 204, 302]).not.toContain(answer.status)
        if (answer.status === 401)
          expect(String(answer.headers['www-authenticate'])).not.toContain('invalid_token')
        const said = answer.bytes.toString('latin1') + JSON.stringify(answer.headers)
        if (!READERS.includes(principal)) expect(said).not.toContain(CANARY)
      },
    )
  },
)

it('has something to hide: those who may read it do', async () => {
  const route = routes.find(({ method }) => method === 'com.atproto.repo.getRecord')
  if (route === undefined) throw new Error('there is no getRecord')
  for (const principal of READERS)
    expect((await senders[principal](route)).bytes.toString()).toContain(CANARY)
})
