import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ProofClient, sendRequest, waitUntil, type Account } from 'test-network'
import { expect, it, vi } from 'vitest'
import { useNetwork } from './_util/network.ts'
import { POST, post } from './_util/post.ts'
import { ENROLLMENT, listPublic } from './_util/public-repo.ts'
import { storedBytes } from './_util/remains.ts'

vi.setConfig({ testTimeout: 240_000 })
const PATIENCE_MS = 120_000

/** Says at which step the service dies next; see `crash-at-step.ts`. */
const crashFile = join(tmpdir(), `stratos-crash-${process.pid}-${Date.now()}`)
const network = useNetwork({
  serviceEnv: {
    NODE_OPTIONS: `--import=${new URL('_util/crash-at-step.ts', import.meta.url).href}`,
    STRATOS_TEST_CRASH_FILE: crashFile,
  },
})

/** In a short run the steps after which most has to be made up for. */
const steps = (all: readonly string[], few: readonly string[]) =>
  process.env['STRATOS_TEST_LONG'] === 'true' ? all : few
const ENROLLING = steps(['enroll.begun', 'enroll.repo-made', 'enroll.enrolled'], ['enroll.repo-made'])
const ALL_LEAVING = [
  'unenroll.begun',
  'unenroll.sealed',
  'unenroll.blobs-destroyed',
  'unenroll.actor-destroyed',
  'unenroll.destroyed',
  'unenroll.retracted',
  'unenroll.retracted-again',
  'unenroll.session-revoked',
  'unenroll.buried',
]
const LEAVING = steps(ALL_LEAVING, ['unenroll.begun', 'unenroll.destroyed'])

/** Does something that the service does not survive, and starts it again. */
async function dyingAt(step: string, work: () => Promise<unknown>): Promise<void> {
  writeFileSync(crashFile, step)
  // Whoever asked gets no answer, or one from before the end.
  await work().catch(() => undefined)
  await waitUntil('the service is dead', () => network().service.pid === null, PATIENCE_MS)
  await network().restartService()
}

const isEnrolled = async ({ did }: Account) =>
  (await sendRequest('GET', `${network().serviceUrl}/xrpc/zone.stratos.enrollment.status?did=${did}`)).body
    .enrolled

async function newAccount(name: string): Promise<Account> {
  return network().createAccount(`${name}.test`)
}

async function write(account: Account, text: string): Promise<ProofClient> {
  const client = await ProofClient.signIn(network(), account)
  const record = post(network().serviceDid, text, ['general'])
  const body = { repo: account.did, collection: POST, record }
  expect((await client.call('POST', 'com.atproto.repo.createRecord', { body })).status).toBe(200)
  return client
}

it.each(ENROLLING)('a crash after %s leaves an enrollment that is finished', async (step) => {
  const account = await newAccount(`new-${step.split('.')[1] ?? ''}`)
  await dyingAt(step, () => network().enroll(account))
  await waitUntil('the account is enrolled', () => isEnrolled(account), PATIENCE_MS)
  await write(account, 'it works')
  const published = async () => (await listPublic(network(), account.did, ENROLLMENT)).length === 1
  await waitUntil('the enrollment is published', published, PATIENCE_MS)
})

it.each(LEAVING)('a crash after %s leaves nothing of the account in the end', async (step) => {
  const net = network()
  const account = await newAccount(`old-${step.split('.')[1] ?? ''}`.slice(0, 18))
  await net.enroll(account)
  const canary = `xylophone-${step}`
  const client = await write(account, canary)
  await waitUntil(
    'the stub is there',
    async () => (await listPublic(net, account.did, POST)).length === 1,
    PATIENCE_MS,
  )
  expect((await storedBytes(net)).includes(canary)).toBe(true)

  await dyingAt(step, () => client.call('POST', 'zone.stratos.enrollment.unenroll', { body: {} }))
  expect(await isEnrolled(account)).toBe(false)
  const isPublic = async (collection: string) => (await listPublic(net, account.did, collection)).length > 0
  await waitUntil(
    'nothing is public',
    async () => !(await isPublic(POST)) && !(await isPublic(ENROLLMENT)),
    PATIENCE_MS,
  )
  await waitUntil(
    'nothing waits',
    async () => {
      const bytes = await storedBytes(net)
      return !bytes.includes(`"sub":"${account.did}"`) && !bytes.includes('"kind":"unenroll"')
    },
    PATIENCE_MS,
  )
  expect((await storedBytes(net)).includes(canary)).toBe(false)
})
