import type { NodeSavedSession } from '@atproto/oauth-client-node'
import { parseDid, parseRkey, type Did } from 'stratos-core'
import { expect, it } from 'vitest'
import { describeEachDatabase } from '../../tests/_util/databases.ts'
import { KeyedLock } from '../limits/keyed-lock.ts'
import { OrphanedSessions } from './orphaned-sessions.ts'

const session = (token: string): NodeSavedSession => JSON.parse(`{"tokenSet":{"access_token":"${token}"}}`)
const [member, arriving, orphan] = ['member', 'arriving', 'orphan'].map((name) => parseDid(`did:plc:${name}`))

describeEachDatabase('sessions that nobody needs', (database) => {
  it('are ended when they are found a second time as they were', async () => {
    const { oauthSessions, enrollments, lifeCycles } = database().storage
    const ended: Did[] = []
    const sweep = new OrphanedSessions({
      sessions: oauthSessions,
      revoke: async (did) => {
        ended.push(did)
        await oauthSessions.del(did)
      },
      lock: new KeyedLock(),
      onError: () => undefined,
    })
    for (const did of [member!, arriving!, orphan!]) await oauthSessions.set(did, session('first'))
    await enrollments.enroll({
      did: member!,
      enrolledAt: new Date(0).toISOString(),
      signingKey: 'did:key:zDnaembgSGUhZULN2Caob4HLJPaxBh92N7rtH21TErzqf8HQo',
      boundaries: [],
      pdsEndpoint: 'https://pds.example',
      enrollmentRkey: parseRkey('did:web:stratos.example'),
    })
    await lifeCycles.put([{ key: arriving!, payload: '{}' }], 0)

    await sweep.look()
    expect(ended).toEqual([])
    // Somebody comes back: it is another session now.
    await oauthSessions.set(orphan!, session('second'))
    await sweep.look()
    expect(ended).toEqual([])
    await sweep.look()
    expect(ended).toEqual([orphan])
    expect(await oauthSessions.get(orphan!)).toBeUndefined()
    for (const did of [member!, arriving!]) expect(await oauthSessions.get(did)).toEqual(session('first'))
    await sweep.look()
    expect(ended).toHaveLength(1)
  })
})
