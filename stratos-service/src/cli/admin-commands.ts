import type { AdminClient, Answer } from './admin-client.ts'
import { usageError } from './cli-error.ts'
import { formatTable, printable } from './table.ts'

/** What was typed after the name of a command. */
export interface CommandInput {
  readonly args: readonly string[]
  readonly options: Readonly<Record<string, string | boolean | undefined>>
}

export interface AdminCommand {
  /** As shown in the usage: `<one>` must be given, `[one]` may be. */
  readonly args: string
  /** Names of options besides those that every command has. */
  readonly options?: readonly string[]
  readonly help: string
  readonly run: (client: AdminClient, input: CommandInput) => Promise<Answer>
  /** For people; by default one line for each member of the answer. */
  readonly show?: (answer: Answer) => string
}

const PAGE = 100

export const ADMIN_COMMANDS: Readonly<Record<string, AdminCommand>> = {
  enrollments: {
    args: '',
    options: ['boundary', 'limit'],
    help: 'list enrolled accounts',
    run: async (client, { options }) => {
      const boundary = await qualified(client, options['boundary'])
      return listAll(client, 'listEnrollments', 'enrollments', { boundary }, options['limit'])
    },
    show: rows('enrollments', ['did', 'boundaries', 'epoch', 'enrolledAt', 'pdsEndpoint']),
  },
  enrollment: {
    args: '<did>',
    help: 'show one enrolled account',
    run: (client, { args }) => client.query('getEnrollment', { did: args[0] }),
  },
  'add-boundary': {
    args: '<did> <boundary>',
    help: 'give an account one more boundary',
    run: async (client, { args }) =>
      client.procedure('addBoundary', { did: args[0], boundary: await qualified(client, args[1]) }),
  },
  'remove-boundary': {
    args: '<did> <boundary>',
    help: 'take a boundary from an account',
    run: async (client, { args }) =>
      client.procedure('removeBoundary', { did: args[0], boundary: await qualified(client, args[1]) }),
  },
  'set-boundaries': {
    args: '<did> [boundary…]',
    help: 'replace the boundaries of an account; none takes all of them',
    run: async (client, { args: [did, ...names] }) =>
      client.procedure('setBoundaries', { did, boundaries: await allQualified(client, names) }),
  },
  enroll: {
    args: '<did> [boundary…]',
    help: 'approve an account in advance, behind these boundaries or those that every new account gets',
    run: async (client, { args: [did, ...names] }) =>
      client.procedure('enroll', {
        did,
        ...(names.length === 0 ? {} : { boundaries: await allQualified(client, names) }),
      }),
  },
  unenroll: {
    args: '<did>',
    options: ['yes'],
    help: 'end an enrollment and delete everything the account keeps here (needs --yes)',
    run: async (client, { args, options }) => {
      if (options['yes'] !== true) {
        throw usageError(`this deletes everything that ${args[0]} keeps here, for good; say so with --yes`)
      }
      return client.procedure('unenroll', { did: args[0] })
    },
  },
  jobs: {
    args: '',
    options: ['did', 'state', 'limit'],
    help: 'list work for PDSes that waits or was given up (--state waiting | given-up)',
    run: (client, { options }) =>
      listAll(
        client,
        'listJobs',
        'jobs',
        { did: text(options['did']), state: text(options['state']) },
        options['limit'],
      ),
    show: rows('jobs', ['queue', 'did', 'key', 'state', 'attempts', 'nextAttemptAt', 'lastError']),
  },
  'retry-job': {
    args: '<queue> <did> <key>',
    help: 'make a job due at once, as `jobs` names it',
    run: (client, { args: [queue, did, key] }) => client.procedure('retryJob', { queue, did, key }),
  },
  takedown: {
    args: '<at-uri>',
    options: ['reason'],
    help: 'hide a record from everybody',
    run: (client, { args, options }) =>
      client.procedure('takedownRecord', { uri: args[0], reason: text(options['reason']) }),
  },
  restore: {
    args: '<at-uri>',
    options: ['reason'],
    help: 'show a hidden record again',
    run: (client, { args, options }) =>
      client.procedure('restoreRecord', { uri: args[0], reason: text(options['reason']) }),
  },
  'takedown-blob': {
    args: '<did> <cid>',
    options: ['reason'],
    help: 'hide a picture or another blob of an account from everybody',
    run: (client, { args: [did, cid], options }) =>
      client.procedure('takedownBlob', { did, cid, reason: text(options['reason']) }),
  },
  'restore-blob': {
    args: '<did> <cid>',
    options: ['reason'],
    help: 'show a hidden blob again',
    run: (client, { args: [did, cid], options }) =>
      client.procedure('restoreBlob', { did, cid, reason: text(options['reason']) }),
  },
  explain: {
    args: '<did> <at-uri>',
    help: 'show why an account may see a record, or not',
    run: (client, { args: [viewer, uri] }) => client.query('explainAccess', { viewer, uri }),
    show: (answer) =>
      `${rows('rules', ['result', 'name', 'detail'])(answer)}\n${answer['allow'] === true ? 'may' : 'may not'} see it\n`,
  },
  stats: {
    args: '',
    help: 'count what the service holds and what waits',
    run: (client) => client.query('stats'),
  },
  audit: {
    args: '',
    options: ['subject', 'limit'],
    help: 'list what operators did, newest first (--subject DID or URI)',
    run: (client, { options }) =>
      listAll(client, 'auditLog', 'entries', { subject: text(options['subject']) }, options['limit']),
    show: rows('entries', ['id', 'at', 'actor', 'action', 'subject', 'before', 'after']),
  },
}

/** For people: one line for each member of an answer. */
export function showMembers(answer: Answer): string {
  return Object.entries(answer)
    .map(([name, value]) => `${name}: ${printable(value)}\n`)
    .join('')
}

function rows(member: string, columns: readonly string[]): (answer: Answer) => string {
  return (answer) => {
    const entries = answer[member] as readonly Answer[]
    if (entries.length === 0) return 'none\n'
    const headings = columns.map((column) => column.replaceAll(/[A-Z]/g, ' $&').toUpperCase())
    return formatTable(
      headings,
      entries.map((entry) => columns.map((column) => entry[column])),
    )
  }
}

/** Follows the pages of a listing. @param limit how many entries at most; all of them without one */
async function listAll(
  client: AdminClient,
  method: string,
  member: string,
  params: Readonly<Record<string, string | undefined>>,
  limit: string | boolean | undefined,
): Promise<Answer> {
  const most = limit === undefined ? Infinity : Number(limit)
  if (!(most >= 1)) throw usageError('--limit must be a whole number from 1')
  const entries: unknown[] = []
  let cursor: string | undefined
  do {
    const page = await client.query(method, {
      ...params,
      cursor,
      limit: Math.min(PAGE, most - entries.length),
    })
    entries.push(...(page[member] as readonly unknown[]))
    cursor = page['cursor'] as string | undefined
  } while (cursor !== undefined && entries.length < most)
  return { [member]: entries }
}

/** A bare name is one of the service's own boundaries. */
async function qualified(
  client: AdminClient,
  name: string | boolean | undefined,
): Promise<string | undefined> {
  if (typeof name !== 'string' || name.includes('/')) return text(name)
  return `${await client.serviceDid()}/${name}`
}

async function allQualified(client: AdminClient, names: readonly string[]) {
  return Promise.all(names.map((name) => qualified(client, name)))
}

function text(option: string | boolean | undefined): string | undefined {
  return typeof option === 'string' ? option : undefined
}
