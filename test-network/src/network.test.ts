import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startNetwork, type Network } from './network.ts'
import { answersOk } from './wait-until.ts'

let network: Network
const lines: string[] = []

beforeAll(async () => {
  network = await startNetwork({ log: (line) => lines.push(line) })
}, 60_000)

afterAll(async () => {
  await network?.close()
})

async function enrollmentStatus(did: string): Promise<unknown> {
  return (await fetch(`${network.serviceUrl}/xrpc/zone.stratos.enrollment.status?did=${did}`)).json()
}

describe('a network', { timeout: 60_000 }, () => {
  it('has three accounts that are not enrolled', async () => {
    expect(network.accounts.map(({ handle }) => handle)).toEqual(['alice.test', 'bob.test', 'carol.test'])
    for (const { did } of network.accounts)
      expect(await enrollmentStatus(did)).toMatchObject({ enrolled: false })
  })

  it('enrolls a new account through the pages of service and PDS', async () => {
    const dora = await network.createAccount('dora.test')
    await network.enroll(dora)
    expect(await enrollmentStatus(dora.did)).toMatchObject({ did: dora.did, enrolled: true })
    expect(dora).toMatchObject({ enrolled: true, boundaries: [`${network.serviceDid}/general`] })

    await network.setBoundaries(dora.did, ['writers', 'other'])
    expect(dora.boundaries).toEqual([`${network.serviceDid}/writers`, `${network.serviceDid}/other`])
  })

  it('says where an enrollment ended that did not succeed', async () => {
    const dora = await network.createAccount('frida.test')
    const wrong = { ...dora, password: 'guess' }
    await expect(network.enroll(wrong)).rejects.toThrow(/sign-in was refused/)
  })

  it('keeps the service and what it knows through a crash', async () => {
    const [alice] = network.accounts
    await network.enroll(alice!)
    const before = network.service.pid
    await network.restartService('SIGKILL')
    expect(network.service.pid).not.toBe(before)
    expect(await enrollmentStatus(alice!.did)).toMatchObject({ enrolled: true })
  })

  it('has no service pid while the service is stopped', async () => {
    await network.stopService()
    expect(network.service.pid).toBeNull()
    expect(await answersOk(`${network.serviceUrl}/ready`)).toBe(false)
    await network.restartService()
    expect(await answersOk(`${network.serviceUrl}/ready`)).toBe(true)
  })

  it('tells when the service ends by itself', async () => {
    process.kill(network.service.pid!, 'SIGKILL')
    expect(await network.crashed).toBe('the service ended with SIGKILL by itself')
  })

  it('fails to start, and says why, when the service refuses its settings', async () => {
    const start = startNetwork({ serviceEnv: { STRATOS_NO_SUCH_SETTING: 'x' } })
    await expect(start).rejects.toThrow(/STRATOS_NO_SUCH_SETTING/)
  })
})
