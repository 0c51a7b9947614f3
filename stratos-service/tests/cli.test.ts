import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ProofClient } from 'test-network'
import { describe, expect, it } from 'vitest'
import { cidOf, drawPng, images, upload } from './_util/blobs.ts'
import { accountOf, useNetwork } from './_util/network.ts'
import { POST, post } from './_util/post.ts'

const network = useNetwork()

interface Outcome {
  readonly status: number | null
  readonly out: string
  readonly err: string
}

function stratos(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../src/cli.ts'), ...args], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [out, err] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, out, err })))
}

/** A command against the running service. */
const admin = (...args: string[]) =>
  stratos(['admin', '--url', network().serviceUrl, ...args], {
    STRATOS_ADMIN_PASSWORD: network().adminPassword,
  })

const json = async (...args: string[]) => JSON.parse((await admin('--json', ...args)).out)

/** The settings that the service of the network runs with, as far as its data depends on them. */
function directEnv(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  const net = network()
  return {
    STRATOS_SERVICE_DID: net.serviceDid,
    STRATOS_PUBLIC_URL: net.serviceUrl,
    STRATOS_ALLOWED_DOMAINS: 'general,writers,other',
    STRATOS_DATA_DIR: join(net.directory, 'service', 'data'),
    STRATOS_PLC_URL: net.plcUrl,
    STRATOS_ALLOW_PRIVATE_ADDRESSES: 'true',
    ...net.storageEnv,
    ...more,
  }
}

describe('stratos admin', () => {
  it('shows tables to people and JSON to scripts', async () => {
    const { did, boundaries } = accountOf(network(), 'alice')
    const table = await admin('enrollments')
    expect(table).toMatchObject({ status: 0, err: '' })
    const lines = table.out.trimEnd().split('\n')
    expect(lines[0]).toMatch(/^DID +BOUNDARIES +EPOCH +ENROLLED AT +PDS ENDPOINT$/)
    expect(lines).toHaveLength(1 + network().accounts.length)
    expect(table.out).toContain(`${did}  ${boundaries.join(' ')}`)
    expect(await json('enrollment', did)).toMatchObject({ did, boundaries, active: true })
    expect((await json('enrollments', '--limit', '1')).enrollments).toHaveLength(1)
  })

  it('changes boundaries by their bare names, and says who did it', async () => {
    const { did } = accountOf(network(), 'bob')
    const other = `${network().serviceDid}/other`
    expect((await json('set-boundaries', did)).boundaries).toEqual([])
    expect((await json('add-boundary', did, 'other')).boundaries).toEqual([other])
    expect((await json('remove-boundary', did, other)).boundaries).toEqual([])
    const { entries } = await json('audit', '--subject', did, '--limit', '3')
    expect(entries.map(({ action }: { action: string }) => action.split('.').at(-1))).toEqual([
      'removeBoundary',
      'addBoundary',
      'setBoundaries',
    ])
  })

  it('hides records and blobs from everybody, and shows them again', async () => {
    const net = network()
    const alice = accountOf(net, 'alice')
    await admin('set-boundaries', alice.did, 'general')
    const client = await ProofClient.signIn(net, alice)
    const uploaded = await upload(client, drawPng())
    const record = post(net.serviceDid, 'with a picture', ['general'], images(uploaded))
    const written = await client.call('POST', 'com.atproto.repo.createRecord', {
      body: { repo: alice.did, collection: POST, record },
    })
    const { uri } = written.body
    const cid = cidOf(uploaded)
    const seen = async () => [
      (await client.call('GET', 'com.atproto.sync.getBlob', { params: { did: alice.did, cid } })).status,
      (await client.call('POST', 'zone.stratos.repo.hydrateRecords', { body: { uris: [uri] } })).body.records
        .length,
    ]
    expect(await seen()).toEqual([200, 1])
    expect(await admin('takedown-blob', alice.did, cid, '--reason', 'a complaint')).toMatchObject({
      status: 0,
    })
    expect(await seen()).toEqual([404, 1])
    expect(await admin('takedown', uri)).toMatchObject({ status: 0 })
    expect(await seen()).toEqual([404, 0])
    expect(await admin('restore', uri)).toMatchObject({ status: 0 })
    expect(await admin('restore-blob', alice.did, cid)).toMatchObject({ status: 0 })
    await expect.poll(seen, { timeout: 20_000 }).toEqual([200, 1])
    expect(await admin('takedown-blob', alice.did)).toMatchObject({ status: 2 })
  })

  it('explains who sees what, by the rules that decide', async () => {
    const net = network()
    const [alice, carol] = [accountOf(net, 'alice'), accountOf(net, 'carol')]
    await admin('set-boundaries', alice.did, 'general')
    await admin('set-boundaries', carol.did, 'writers')
    const client = await ProofClient.signIn(net, alice)
    const record = post(net.serviceDid, 'words nobody explains', ['general'])
    const body = { repo: alice.did, collection: POST, record }
    const { uri } = (await client.call('POST', 'com.atproto.repo.createRecord', { body })).body
    const reader = await ProofClient.signIn(net, carol)
    const params = { repo: alice.did, collection: POST, rkey: uri.split('/').at(-1) }
    const statusFor = async () => (await reader.call('GET', 'com.atproto.repo.getRecord', { params })).status

    const denied = await admin('explain', carol.did, uri)
    expect(denied.out).toMatch(/deny +viewer-shares-a-boundary +the viewer holds: \S+\/writers; shared: none/)
    expect(denied.out).toContain('may not see it')
    expect(denied.out).not.toContain('words nobody explains')
    expect(await statusFor()).toBe(404)

    await admin('add-boundary', carol.did, 'general')
    const allowed = await json('explain', carol.did, uri)
    expect(allowed).toMatchObject({ allow: true })
    expect(allowed.rules.map(({ name }: { name: string }) => name)).toEqual([
      'record-exists',
      'viewer-is-a-reader',
      'not-taken-down',
      'owner-sees-their-own',
      'viewer-is-enrolled',
      'record-has-a-boundary-in-force',
      'services-and-the-owner-see-all-boundaries',
      'viewer-shares-a-boundary',
    ])
    expect(await statusFor()).toBe(200)
    expect(await json('explain', alice.did, uri)).toMatchObject({ allow: true })
    expect((await json('explain', 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa', uri)).rules.at(-1)).toMatchObject({
      name: 'viewer-is-enrolled',
      result: 'deny',
    })
    expect(await json('explain', carol.did, `at://${alice.did}/${POST}/3jzfcijpj2z2a`)).toEqual({
      allow: false,
      rules: [{ name: 'record-exists', result: 'deny', detail: expect.any(String) }],
    })
  })

  it('ends with a status and says what to do', async () => {
    const { did } = accountOf(network(), 'alice')
    const stranger = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'
    expect(await admin('enrollment', stranger)).toMatchObject({
      status: 1,
      err: `NotFound: ${stranger} is not enrolled\n`,
    })
    expect(await admin('add-boundary', did, 'nowhere')).toMatchObject({ status: 1, err: /InvalidRequest/ })
    expect(await admin('add-boundary', did)).toMatchObject({
      status: 2,
      err: 'Usage: stratos admin add-boundary <did> <boundary>\n',
    })
    expect(await admin('unenroll', did)).toMatchObject({ status: 2, err: expect.stringContaining('--yes') })
    expect(await admin('dance')).toMatchObject({
      status: 2,
      err: expect.stringContaining('no command "dance"'),
    })
    expect(await admin('stats', '--subject', 'x')).toMatchObject({ status: 2 })
    const url = network().serviceUrl
    expect(await stratos(['admin', '--url', url, 'stats'])).toMatchObject({
      status: 2,
      err: expect.stringContaining('--password-file'),
    })
    const wrong = { STRATOS_ADMIN_PASSWORD: 'wrong' }
    const refused = await stratos(['admin', '--url', url, 'stats'], wrong)
    expect(refused).toMatchObject({ status: 3, err: expect.stringContaining('STRATOS_ADMIN_PASSWORD') })
    expect(await stratos(['admin', '--url', 'http://127.0.0.1:1', 'stats'], wrong)).toMatchObject({
      status: 3,
      err: expect.stringContaining('cannot be reached'),
    })
    expect(await stratos(['admin', '--url', 'http://stratos.example.com', 'stats'], wrong)).toMatchObject({
      status: 2,
      err: expect.stringContaining('https'),
    })
    const help = await stratos(['admin', '--help'])
    expect(help).toMatchObject({
      status: 0,
      out: expect.stringContaining('set-boundaries <did> [boundary…]'),
    })
  })

  it('takes the password from a file', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'stratos-cli-'))
    try {
      const file = join(directory, 'password')
      writeFileSync(file, `${network().adminPassword}\n`)
      const given = ['admin', '--url', network().serviceUrl, '--password-file', file, '--json', 'stats']
      expect(JSON.parse((await stratos(given)).out)).toMatchObject({ enrollments: network().accounts.length })
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  it('works directly on the data when the service is stopped, and not while it runs', async () => {
    const net = network()
    const { did } = accountOf(net, 'carol')
    expect(await stratos(['admin', 'stats'], directEnv())).toMatchObject({
      status: 3,
      err: expect.stringContaining('--url'),
    })
    expect(await stratos(['admin', 'stats'])).toMatchObject({
      status: 2,
      err: expect.stringContaining('STRATOS_SERVICE_DID must be set'),
    })
    await net.stopService()
    const changed = await stratos(['admin', '--json', 'set-boundaries', did, 'other'], directEnv())
    expect(JSON.parse(changed.out)).toEqual({ did, boundaries: [`${net.serviceDid}/other`] })
    await net.restartService()
    expect(await json('enrollment', did)).toMatchObject({ boundaries: [`${net.serviceDid}/other`] })
  })
})

describe('stratos keys', () => {
  it('rotates the key of the service: both are published, and everybody is attested to by the new one', async () => {
    const net = network()
    const { did } = accountOf(net, 'alice')
    const didDocument = async () => (await fetch(`${net.serviceUrl}/.well-known/did.json`)).json()
    const methodsOf = async (): Promise<Record<string, string>> => {
      const { verificationMethod } = (await didDocument()) as {
        verificationMethod: { id: string; publicKeyMultibase: string }[]
      }
      return Object.fromEntries(
        verificationMethod.map(({ id, publicKeyMultibase }) => [
          id.split('#')[1],
          `did:key:${publicKeyMultibase}`,
        ]),
      )
    }
    const attestedBy = async () => {
      const repo = `repo=${did}&collection=zone.stratos.actor.enrollment`
      const answer = await fetch(`${net.pdsUrl}/xrpc/com.atproto.repo.listRecords?${repo}`)
      const { records } = (await answer.json()) as {
        records: { value: { attestation: { signingKey: string } } }[]
      }
      return records.map(({ value }) => value.attestation.signingKey)
    }
    const before = await methodsOf()
    expect(before['atproto']).toBe(before['atproto_pns'])

    await net.stopService()
    expect(await stratos(['keys', 'rotate-service'], directEnv())).toMatchObject({ status: 0 })
    await net.restartService()
    const after = await methodsOf()
    expect(after['atproto']).not.toBe(before['atproto'])
    expect(after).toMatchObject({ atproto_pns: after['atproto'], previous_1: before['atproto'] })
    await expect.poll(attestedBy, { timeout: 20_000 }).toEqual([after['atproto']])
    await expect.poll(async () => (await json('stats')).jobsWaiting, { timeout: 20_000 }).toBe(0)

    await net.stopService()
    expect(await stratos(['keys', 'retire-service'], directEnv())).toMatchObject({ status: 0 })
    await net.restartService()
    expect(await methodsOf()).toEqual({ atproto: after['atproto'], atproto_pns: after['atproto'] })
  })

  it('seals everything with a master key, without which the service does not start any more', async () => {
    const net = network()
    await net.stopService()
    const master = { STRATOS_MASTER_KEY: 'ab'.repeat(32) }
    const sealed = await stratos(['keys', 'rewrap'], directEnv(master))
    expect(sealed).toMatchObject({ status: 0, out: expect.stringMatching(/^[1-9]\d* secrets/) })
    expect((await stratos(['keys', 'rewrap'], directEnv(master))).out).toMatch(/^0 secrets/)
    await expect(net.restartService()).rejects.toThrow(/sealed with master key/)
    const key = readFileSync(join(net.directory, 'service', 'data', 'signing_key'))
    expect(key.length).toBeGreaterThan(32)
    expect(await stratos(['keys', 'list'], directEnv(master))).toMatchObject({
      status: 0,
      out: expect.stringMatching(/^present {2}did:key:z\w+\nsecrets are kept: [0-9a-f]{16}\n$/),
    })
    expect(await stratos(['keys', 'dance'])).toMatchObject({ status: 2 })
  })
})
