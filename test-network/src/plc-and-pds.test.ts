import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { AtpAgent } from '@atproto/api'
import { reservePort } from './free-port.ts'
import { startPlcAndPds, type PlcAndPds } from './plc-and-pds.ts'
import { answersOk, waitUntil } from './wait-until.ts'

let directory: string
const running: PlcAndPds[] = []

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'plc-and-pds-'))
})
afterEach(async () => {
  for (const network of running.splice(0)) await network.close()
  rmSync(directory, { recursive: true, force: true })
})

async function started(options: Parameters<typeof startPlcAndPds>[0] = {}): Promise<PlcAndPds> {
  const network = await startPlcAndPds(options)
  running.push(network)
  return network
}

describe('a PLC directory and a PDS', { timeout: 60_000 }, () => {
  it('make accounts whose DID document names the PDS', async () => {
    const network = await started()
    const account = await network.createAccount('erin.test')
    expect(account).toMatchObject({ handle: 'erin.test', password: 'erin-password', email: 'erin@mail.test' })
    const document = await (await fetch(`${network.plcUrl}/${account.did}`)).json()
    expect(document).toMatchObject({
      id: account.did,
      alsoKnownAs: ['at://erin.test'],
      service: [{ id: '#atproto_pds', serviceEndpoint: network.pdsUrl }],
    })
  })

  it('go on with accounts, records and DIDs of a kept directory', async () => {
    const first = await started({ directory })
    const erin = await first.createAccount('erin.test')
    const agent = await first.appPasswordAgent(erin)
    const record = { $type: 'app.bsky.feed.post', text: 'still here', createdAt: new Date().toISOString() }
    const write = { repo: erin.did, collection: 'app.bsky.feed.post', record }
    const { data } = await agent.com.atproto.repo.createRecord(write)
    await agent.com.atproto.identity.updateHandle({ handle: 'erin-moved.test' })
    const operations = await (await fetch(`${first.plcUrl}/${erin.did}/log/audit`)).text()
    expect(JSON.parse(operations)).toHaveLength(2)
    await first.close()

    const second = await started({ directory, ports: await portsOf(first) })
    expect(await (await fetch(`${second.plcUrl}/${erin.did}/log/audit`)).text()).toBe(operations)
    const reader = new AtpAgent({ service: second.pdsUrl })
    const rkey = data.uri.split('/').at(-1)!
    const read = await reader.com.atproto.repo.getRecord({
      repo: erin.did,
      collection: 'app.bsky.feed.post',
      rkey,
    })
    expect(read.data.value).toMatchObject({ text: 'still here' })
  })

  it('run side by side', async () => {
    const [one, other] = await Promise.all([started(), started()])
    const [a, b] = await Promise.all([one!.createAccount('frank.test'), other!.createAccount('frank.test')])
    expect(a.did).not.toBe(b.did)
    expect((await fetch(`${other!.plcUrl}/${a.did}`)).status).toBe(404)
  })

  it('listen on the loopback address only', async () => {
    const network = await started()
    const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
    const outside = addresses.filter(({ internal, family }) => !internal && family === 'IPv4')
    for (const { address } of outside) {
      for (const url of [network.plcUrl, network.pdsUrl]) {
        expect(await answersOk(url.replace('localhost', address) + '/_health')).toBe(false)
      }
    }
    expect(await answersOk(`${network.plcUrl}/_health`)).toBe(true)
  })

  it('end when their parent is killed', async () => {
    const { parent, pdsUrl } = await startInAnotherProcess()
    expect(await answersOk(`${pdsUrl}/xrpc/_health`)).toBe(true)
    parent.kill('SIGKILL')
    await waitUntil('the end of the PDS', async () => !(await answersOk(`${pdsUrl}/xrpc/_health`)), 10_000)
  })
})

async function portsOf(network: PlcAndPds) {
  const [plc, pds] = await Promise.all(
    [network.plcUrl, network.pdsUrl].map((url) => reservePort(Number(new URL(url).port))),
  )
  return { plc: plc!, pds: pds! }
}

async function startInAnotherProcess(): Promise<{ parent: ChildProcess; pdsUrl: string }> {
  const module = new URL('./plc-and-pds.ts', import.meta.url).href
  const script = `import { startPlcAndPds } from ${JSON.stringify(module)}
    const network = await startPlcAndPds({ directory: ${JSON.stringify(directory)} })
    console.log(network.pdsUrl)`
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [pdsUrl] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string]
  return { parent, pdsUrl }
}
