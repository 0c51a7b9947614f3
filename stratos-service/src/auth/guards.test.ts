import { StratosError, type Nsid, type UserViewer, type Viewer } from 'stratos-core'
import { describe, expect, it } from 'vitest'
import { basic, METHOD, request, setUpAuth, type SentRequest } from '../../tests/_util/auth-setup.ts'
import { ClientKey } from '../../tests/_util/signing.ts'
import { CREATE_SESSION } from './session-key.ts'
import {
  admin,
  anyViewer,
  enrolledUser,
  keyHolder,
  open,
  ownerOrService,
  service,
  sessionHolder,
  user,
  type EnrolledViewer,
  type Guard,
  type KeyHolder,
  type SessionViewer,
} from './guards.ts'

const CALLERS = [
  'nobody',
  'member',
  'member by key',
  'visitor',
  'service',
  'unknown key',
  'operator',
  'forger',
] as const
type Caller = (typeof CALLERS)[number]

/** Guards in columns: what each answers to each caller. */
const TRUTH: Record<string, { guard: Guard<Viewer>; answers: Record<Caller, string> }> = {
  open: {
    guard: open('a test'),
    answers: {
      nobody: 'anonymous',
      member: 'user',
      'member by key': 'user',
      visitor: 'user',
      service: 'service',
      'unknown key': 'SessionRequired',
      operator: 'AuthenticationRequired',
      forger: 'AuthenticationRequired',
    },
  },
  anyViewer: {
    guard: anyViewer,
    answers: {
      nobody: 'anonymous',
      member: 'user',
      'member by key': 'user',
      visitor: 'user',
      service: 'service',
      'unknown key': 'SessionRequired',
      operator: 'AuthenticationRequired',
      forger: 'AuthenticationRequired',
    },
  },
  user: {
    guard: user,
    answers: {
      nobody: 'AuthenticationRequired',
      member: 'user',
      'member by key': 'user',
      visitor: 'user',
      service: 'Forbidden',
      'unknown key': 'SessionRequired',
      operator: 'AuthenticationRequired',
      forger: 'AuthenticationRequired',
    },
  },
  enrolledUser: {
    guard: enrolledUser,
    answers: {
      nobody: 'AuthenticationRequired',
      member: 'user',
      'member by key': 'user',
      visitor: 'NotEnrolled',
      service: 'Forbidden',
      'unknown key': 'SessionRequired',
      operator: 'AuthenticationRequired',
      forger: 'AuthenticationRequired',
    },
  },
  service: {
    guard: service,
    answers: {
      nobody: 'AuthenticationRequired',
      member: 'Forbidden',
      'member by key': 'Forbidden',
      visitor: 'Forbidden',
      service: 'service',
      'unknown key': 'SessionRequired',
      operator: 'AuthenticationRequired',
      forger: 'AuthenticationRequired',
    },
  },
  ownerOrService: {
    guard: ownerOrService('did'),
    answers: {
      nobody: 'AuthenticationRequired',
      member: 'user',
      'member by key': 'user',
      visitor: 'Forbidden',
      service: 'service',
      'unknown key': 'SessionRequired',
      operator: 'AuthenticationRequired',
      forger: 'AuthenticationRequired',
    },
  },
  admin: {
    guard: admin,
    answers: {
      nobody: 'AuthenticationRequired',
      member: 'AuthenticationRequired',
      'member by key': 'AuthenticationRequired',
      visitor: 'AuthenticationRequired',
      service: 'AuthenticationRequired',
      'unknown key': 'AuthenticationRequired',
      operator: 'operator',
      forger: 'AuthenticationRequired',
    },
  },
  keyHolder: {
    guard: keyHolder,
    answers: {
      nobody: 'InvalidDpopProof',
      member: 'AuthenticationRequired',
      'member by key': 'anonymous',
      visitor: 'AuthenticationRequired',
      service: 'AuthenticationRequired',
      'unknown key': 'anonymous',
      operator: 'AuthenticationRequired',
      forger: 'AuthenticationRequired',
    },
  },
  sessionHolder: {
    guard: sessionHolder,
    answers: {
      nobody: 'AuthenticationRequired',
      member: 'user',
      'member by key': 'user',
      visitor: 'user',
      service: 'Forbidden',
      'unknown key': 'SessionRequired',
      operator: 'AuthenticationRequired',
      forger: 'AuthenticationRequired',
    },
  },
}

async function headersOf(caller: Caller, setup: Awaited<ReturnType<typeof setUpAuth>>): Promise<string[]> {
  const { alice, visitor, appview, jwt, registered, withKey } = setup
  switch (caller) {
    case 'nobody':
      return []
    case 'member':
      return ['Authorization', `Bearer ${await jwt(alice)}`]
    case 'member by key':
      return withKey(await registered(alice))
    case 'visitor':
      return ['Authorization', `Bearer ${await jwt(visitor)}`]
    case 'service':
      return ['Authorization', `Bearer ${await jwt(appview)}`]
    case 'unknown key':
      return withKey(new ClientKey())
    case 'operator':
      return basic('pass:word')
    case 'forger':
      return ['Authorization', `Bearer ${await jwt(visitor, { iss: alice.did })}`]
  }
}

async function ask(
  guard: Guard<Viewer>,
  caller: Caller,
  params: Record<string, unknown> = { did: 'did:plc:alice' },
) {
  const setup = await setUpAuth()
  const sent = request(await headersOf(caller, setup))
  return { sent, outcome: await outcomeOf(guard, setup.auth, sent, params) }
}

async function outcomeOf(
  guard: Guard<Viewer>,
  auth: Awaited<ReturnType<typeof setUpAuth>>['auth'],
  sent: SentRequest,
  params: Record<string, unknown>,
): Promise<string> {
  try {
    return (await guard.resolve({ auth, request: sent, nsid: METHOD, kind: 'query', params })).kind
  } catch (err) {
    if (err instanceof StratosError) return err.code
    throw err
  }
}

describe.each(Object.entries(TRUTH))('the guard %s', (_, { guard, answers }) => {
  it.each(CALLERS.map((caller) => [caller, answers[caller]] as const))(
    'answers %s with %s',
    async (caller, answer) => {
      const { sent, outcome } = await ask(guard, caller)
      expect(outcome).toBe(answer)
      const isAuthentication = /Required$|^InvalidDpopProof$/.test(answer)
      expect(sent.answered.has('www-authenticate')).toBe(isAuthentication)
    },
  )
})

describe('guards', () => {
  it('compare the owner with the named parameter only', async () => {
    for (const [params, outcome] of [
      [{ did: 'did:plc:alice' }, 'user'],
      [{ did: 'did:plc:bob' }, 'Forbidden'],
      [{ did: ['did:plc:alice'] }, 'Forbidden'],
      [{ repo: 'did:plc:alice' }, 'Forbidden'],
      [{}, 'Forbidden'],
    ] as const) {
      expect((await ask(ownerOrService('did'), 'member', params)).outcome).toBe(outcome)
    }
    expect((await ask(ownerOrService('did'), 'service', {})).outcome).toBe('service')
  })

  it('ask an anonymous caller for either way of signing in', async () => {
    const { sent } = await ask(user, 'nobody')
    expect(sent.answered.get('www-authenticate')).toBe('DPoP algs="ES256 ES256K", Bearer realm="stratos"')
  })

  it('hand over the key that was proven', async () => {
    const setup = await setUpAuth()
    const context = { auth: setup.auth, nsid: METHOD, kind: 'procedure', params: {} } as const
    const key = await setup.registered(setup.alice)
    const holder = await keyHolder.resolve({ ...context, request: request(setup.withKey(key)) })
    const permit = await setup.jwt(setup.alice, { lxm: CREATE_SESSION })
    expect(await holder.register(permit)).toMatchObject({ did: setup.alice.did, jkt: key.jkt })
    // The proof has done its work with that.
    await expect(
      holder.register(await setup.jwt(setup.alice, { lxm: CREATE_SESSION })),
    ).rejects.toMatchObject({
      code: 'InvalidDpopProof',
    })
    const session = await sessionHolder.resolve({ ...context, request: request(setup.withKey(key)) })
    expect(session).toMatchObject({ kind: 'user', did: setup.alice.did, jkt: key.jkt })
  })

  it('have names that a list of routes can show', () => {
    const names = [open('public health'), ownerOrService('repo'), admin].map(({ name }) => name)
    expect(names).toEqual(['open: public health', 'ownerOrService(repo)', 'admin'])
  })

  it('do not let a handler expect more than they promise, which the type checker proves', () => {
    const add = <V extends Viewer>(_: Nsid, guard: Guard<V>, handler: (viewer: NoInfer<V>) => void) => [
      guard,
      handler,
    ]
    const forAnyone = (_viewer: Viewer) => {}
    const forUsers = (_viewer: UserViewer) => {}
    const forMembers = (_viewer: EnrolledViewer) => {}
    const forKeys = (_viewer: KeyHolder) => {}
    const forSessions = (_viewer: SessionViewer) => {}

    expect(add(METHOD, anyViewer, forAnyone)).toEqual([anyViewer, forAnyone])
    add(METHOD, enrolledUser, forAnyone)
    add(METHOD, enrolledUser, forUsers)
    add(METHOD, user, forUsers)
    add(METHOD, keyHolder, forKeys)
    add(METHOD, sessionHolder, forSessions)
    // @ts-expect-error anybody may come in
    add(METHOD, anyViewer, forUsers)
    // @ts-expect-error anybody may come in
    add(METHOD, open('a test'), forUsers)
    // @ts-expect-error a user need not be enrolled
    add(METHOD, user, forMembers)
    // @ts-expect-error a service may come in
    add(METHOD, ownerOrService('did'), forUsers)
    // @ts-expect-error an operator is no user
    add(METHOD, admin, forUsers)
    // @ts-expect-error somebody with a key need not have an account
    add(METHOD, keyHolder, forUsers)
    // @ts-expect-error nobody said which key it was
    add(METHOD, user, forSessions)
  })
})
