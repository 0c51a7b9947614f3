import { once } from 'node:events'
import { createServer } from 'node:http'
import { Redis } from 'ioredis'
import { sendRequest, waitUntil } from 'test-network'
import { afterAll, describe, expect, it } from 'vitest'
import { enrollMadeUp, makeUpAccount, type MadeUpAccount } from './_util/made-up-account.ts'
import { accountOf, useNetwork } from './_util/network.ts'
import { HAS_VALKEY, startValkey, type ValkeyServer } from './_util/valkey.ts'

const NAME = 'members'

describe.runIf(HAS_VALKEY)('a service with lists of who may enroll', () => {
  let valkey: ValkeyServer
  let redis: Redis
  const lost: Error[] = []
  let named: MadeUpAccount
  let neighbour: MadeUpAccount
  let listed: readonly string[] = ['did:web:nobody.example']
  const source = createServer((_req, res) => res.end(listed.join('\n')))

  const network = useNetwork(async () => {
    valkey = await startValkey()
    redis = new Redis(valkey.path)
    // A test stops the server that this one is connected to.
    redis.on('error', (err) => lost.push(err))
    named = await makeUpAccount()
    neighbour = await makeUpAccount()
    source.listen(0, '127.0.0.1')
    await once(source, 'listening')
    const address = source.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    return {
      serviceEnv: {
        STRATOS_ENROLLMENT_MODE: 'allowlist',
        STRATOS_ALLOWED_DIDS: named.did,
        STRATOS_ALLOWED_PDS_ENDPOINTS: `${neighbour.origin}/`,
        STRATOS_ALLOW_LIST_URI: `http://127.0.0.1:${port}/list`,
        STRATOS_ALLOW_LIST_REFRESH_MS: '1000',
        STRATOS_VALKEY_URL: valkey.url,
        STRATOS_ALLOW_LIST_BOOTSTRAP_NAME: NAME,
      },
    }
  })
  afterAll(async () => {
    redis.disconnect()
    source.close()
    await Promise.all([named.close(), neighbour.close(), valkey.close()])
  })

  it('OAU-011: lets in who is on the list at a web address, and nobody else', async () => {
    const net = network()
    const [alice, bob] = [accountOf(net, 'alice'), accountOf(net, 'bob')]
    await expect(net.enroll(alice)).rejects.toThrow('EnrollmentDenied')
    listed = ['# members', `${alice.did} # alice`]
    await waitUntil('the list is taken over', async () => (await redis.sismember(NAME, alice.did)) === 1)
    expect(await redis.smembers(NAME)).toEqual([alice.did])
    await waitUntil('the instance knows', async () =>
      net.enroll(alice).then(
        () => true,
        () => false,
      ),
    )
    await expect(net.enroll(bob)).rejects.toThrow('EnrollmentDenied')
    const { did } = alice
    const status = `${net.serviceUrl}/xrpc/zone.stratos.enrollment.status?${new URLSearchParams({ did })}`
    expect((await sendRequest('GET', status)).body.enrolled).toBe(true)
  })

  it('lets in who is named, or comes from a PDS that is named, whatever that list says', async () => {
    expect((await enrollMadeUp(network(), named)).body).toMatchObject({ did: named.did, enrolled: true })
    expect((await enrollMadeUp(network(), neighbour)).body).toMatchObject({
      did: neighbour.did,
      enrolled: true,
    })
    const stranger = await makeUpAccount()
    expect((await enrollMadeUp(network(), stranger)).body.error).toBe('EnrollmentDenied')
    await stranger.close()
  })

  it('FLT-017: goes on with what it knows while neither the list nor Valkey can be reached, over a new start too', async () => {
    const carol = accountOf(network(), 'carol')
    listed = [carol.did]
    await waitUntil('the list is taken over', async () => (await redis.sismember(NAME, carol.did)) === 1)
    source.close()
    source.closeAllConnections()
    await network().restartService()
    await network().enroll(carol)
    await valkey.stop()
    await waitUntil('the connection is lost', async () => lost.length > 0)
    await expect(network().enroll(accountOf(network(), 'bob'))).rejects.toThrow('EnrollmentDenied')
    await network().enroll(carol)
  })
})
