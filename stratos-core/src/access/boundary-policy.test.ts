import { describe, expect, it } from 'vitest'
import type { Did } from '../ids.ts'
import { checkBoundaries, mayRead, mayWrite } from './boundary-policy.ts'
import { readScopeOf } from './read-scope.ts'
import { ANONYMOUS, type UserViewer, type Viewer } from './viewer.ts'

const SERVICE: Did = 'did:web:stratos.example.com'
const GENERAL = `${SERVICE}/general`
const WRITERS = `${SERVICE}/writers`
const RETIRED = `${SERVICE}/retired`
const FOREIGN = 'did:web:elsewhere.example.com/general'
const CONFIGURED = new Set([GENERAL, WRITERS])

const ALICE: Did = 'did:plc:alice'
const BOB: Did = 'did:plc:bob'

function user(did: Did, enrolled: boolean, ...boundaries: string[]): UserViewer {
  return { kind: 'user', did, enrolled, boundaries: new Set(boundaries) }
}

const VIEWERS = {
  anonymous: ANONYMOUS,
  'the owner': user(ALICE, true, GENERAL),
  'the owner without boundaries': user(ALICE, true),
  'the owner after leaving': user(ALICE, false),
  'a service in the name of the owner': { ...user(ALICE, true, GENERAL), throughService: true },
  'a service in the name of a member of general': { ...user(BOB, true, GENERAL), throughService: true },
  'a member of general': user(BOB, true, GENERAL),
  'a member of writers': user(BOB, true, WRITERS),
  'a member of both': user(BOB, true, GENERAL, WRITERS),
  'a member of retired': user(BOB, true, RETIRED),
  'a member of nothing': user(BOB, true),
  'somebody not enrolled': user(BOB, false, GENERAL, WRITERS),
  'an allow-listed service': { kind: 'service', did: 'did:web:appview.example.com' },
  'an allow-listed service with the DID of the owner': { kind: 'service', did: ALICE },
  'the operator': { kind: 'operator', name: 'admin' },
} satisfies Record<string, Viewer>

const RECORDS = {
  'no boundary': [],
  general: [GENERAL],
  writers: [WRITERS],
  both: [GENERAL, WRITERS],
  retired: [RETIRED],
  'retired and general': [RETIRED, GENERAL],
  'a foreign boundary': [FOREIGN],
} satisfies Record<string, readonly string[]>

type ViewerName = keyof typeof VIEWERS
type RecordName = keyof typeof RECORDS

const ALL_RECORDS = Object.keys(RECORDS) as RecordName[]

/** Everything that may be read of Alice's; whatever is not here must be denied. */
const READABLE: Record<ViewerName, RecordName[]> = {
  anonymous: [],
  'the owner': ALL_RECORDS,
  'the owner without boundaries': ALL_RECORDS,
  'the owner after leaving': ALL_RECORDS,
  'a service in the name of the owner': ['general', 'writers', 'both', 'retired and general'],
  'a service in the name of a member of general': ['general', 'both', 'retired and general'],
  'a member of general': ['general', 'both', 'retired and general'],
  'a member of writers': ['writers', 'both'],
  'a member of both': ['general', 'writers', 'both', 'retired and general'],
  'a member of retired': [],
  'a member of nothing': [],
  'somebody not enrolled': [],
  'an allow-listed service': ['general', 'writers', 'both', 'retired and general'],
  'an allow-listed service with the DID of the owner': ['general', 'writers', 'both', 'retired and general'],
  'the operator': [],
}

const READ_CASES = (Object.keys(VIEWERS) as ViewerName[]).flatMap((viewer) =>
  ALL_RECORDS.map((record) => ({ viewer, record, allow: READABLE[viewer].includes(record) })),
)

describe('mayRead', () => {
  it.each(READ_CASES)('says $allow to $viewer for a record behind $record', ({ viewer, record, allow }) => {
    expect(mayRead(VIEWERS[viewer], ALICE, RECORDS[record], CONFIGURED).allow).toBe(allow)
  })

  it.each([
    `${SERVICE}/General`,
    `${SERVICE}/general `,
    `${SERVICE}/general/x`,
    `${SERVICE}/gener`,
    'general',
    SERVICE,
  ])('takes %j for another boundary than general', (lookalike) => {
    const configured = new Set([GENERAL, lookalike])
    expect(mayRead(user(BOB, true, lookalike), ALICE, [GENERAL], configured).allow).toBe(false)
    expect(mayRead(user(BOB, true, GENERAL), ALICE, [lookalike], configured).allow).toBe(false)
  })

  it('lets nobody but the owner in when the service has no boundaries', () => {
    const nothing = new Set<string>()
    expect(mayRead(VIEWERS['a member of both'], ALICE, [GENERAL], nothing).allow).toBe(false)
    expect(mayRead(VIEWERS['an allow-listed service'], ALICE, [GENERAL], nothing).allow).toBe(false)
    expect(mayRead(VIEWERS['the owner'], ALICE, [GENERAL], nothing).allow).toBe(true)
  })
})

describe('readScopeOf', () => {
  it.each(READ_CASES)('holds for $viewer what mayRead allows: $record', ({ viewer, record, allow }) => {
    const scope = readScopeOf(VIEWERS[viewer], ALICE, CONFIGURED)
    const found =
      scope.kind === 'all' || RECORDS[record].some((boundary) => scope.boundaries.includes(boundary))
    expect(found).toBe(allow)
  })
})

describe('mayWrite', () => {
  it.each((Object.keys(VIEWERS) as ViewerName[]).map((viewer) => ({ viewer })))(
    'lets $viewer write only if that is the enrolled owner',
    ({ viewer }) => {
      const expected = viewer === 'the owner' || viewer === 'the owner without boundaries'
      expect(mayWrite(VIEWERS[viewer], ALICE).allow).toBe(expected)
    },
  )
})

describe('checkBoundaries', () => {
  const service = { did: SERVICE, boundaries: CONFIGURED }
  const author = user(ALICE, true, GENERAL, RETIRED)

  it('returns the boundaries of the author in the order given', () => {
    const both = user(ALICE, true, GENERAL, WRITERS)
    expect(checkBoundaries(both, [WRITERS, GENERAL], service)).toEqual([WRITERS, GENERAL])
    expect(checkBoundaries(both, [], service)).toEqual([])
  })

  it.each([
    ['a bare name', ['general'], 'ServiceMismatch'],
    ['empty text', [''], 'ServiceMismatch'],
    ['another service', [FOREIGN], 'ServiceMismatch'],
    ['a service whose DID starts like ours', [`${SERVICE}.evil/general`], 'ServiceMismatch'],
    ['no name', [`${SERVICE}/`], 'ServiceMismatch'],
    ['a name that is too long', [`${SERVICE}/${'x'.repeat(253)}`], 'ServiceMismatch'],
    ['one foreign boundary among good ones', [GENERAL, FOREIGN], 'ServiceMismatch'],
    ['a boundary that the author does not hold', [WRITERS], 'ForbiddenBoundary'],
    ['one of them among good ones', [GENERAL, WRITERS], 'ForbiddenBoundary'],
    ['a boundary that nobody holds', [`${SERVICE}/unheard-of`], 'ForbiddenBoundary'],
    ['a boundary that is held but retired', [RETIRED], 'ForbiddenBoundary'],
    ['another case', [`${SERVICE}/GENERAL`], 'ForbiddenBoundary'],
    ['a trailing space', [`${GENERAL} `], 'ForbiddenBoundary'],
    ['a path', [`${SERVICE}/writers/../general`], 'ForbiddenBoundary'],
    ['a duplicate', [GENERAL, GENERAL], 'InvalidRecord'],
    ['a number', [7], 'InvalidRecord'],
    ['nothing', [undefined], 'InvalidRecord'],
    ['eleven', Array.from({ length: 11 }, (_, index) => `${SERVICE}/${index}`), 'InvalidRecord'],
  ])('refuses %s', (_, values, code) => {
    expect(() => checkBoundaries(author, values, service)).toThrow(expect.objectContaining({ code }))
  })

  it('accepts ten', () => {
    const ten = Array.from({ length: 10 }, (_, index) => `${SERVICE}/${index}`)
    const everywhere = { did: SERVICE, boundaries: new Set(ten) }
    expect(checkBoundaries(user(ALICE, true, ...ten), ten, everywhere)).toEqual(ten)
  })

  it('refuses an author whose enrollment has ended, whatever they held', () => {
    expect(() => checkBoundaries(user(ALICE, false, GENERAL), [GENERAL], service)).toThrow(
      expect.objectContaining({ code: 'ForbiddenBoundary' }),
    )
  })

  it('says the same about a boundary of others as about one that does not exist', () => {
    const messageFor = (name: string) => {
      try {
        checkBoundaries(author, [`${SERVICE}/${name}`], service)
      } catch (err) {
        return String(err).replace(name, '')
      }
      return 'allowed'
    }
    expect(messageFor('writers')).toBe(messageFor('unheard-of'))
  })
})
