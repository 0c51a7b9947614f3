import { mapConcurrently } from '../map-concurrently.ts'
import { drawPost, POST, seedPosts } from './posts.ts'
import { userOf, type LoadSite, type LoadUser, type NextRequest, type Workload } from './workload.ts'

const SEEDED = 500
const PAGE = 100
const HYDRATE = 'zone.stratos.repo.hydrateRecords'

/** One user's records, read by another who shares their boundary. */
const READS = { users: 2, connections: 1, floor: 'read', stubs: 'off' } as const

interface Library {
  readonly author: LoadUser
  readonly reader: LoadUser
  readonly uris: readonly string[]
}

async function openLibrary(site: LoadSite): Promise<Library> {
  const [author, reader] = site.users
  if (author === undefined || reader === undefined) throw new Error('reading takes an author and a reader')
  return { author, reader, uris: await seedPosts(site, author, SEEDED) }
}

/** Goes through all records, over and over. */
async function getEach(site: LoadSite): Promise<NextRequest> {
  const { author, reader, uris } = await openLibrary(site)
  const rkeys = uris.map((uri) => uri.slice(uri.lastIndexOf('/') + 1))
  let turn = 0
  return () => {
    turn += 1
    const params = { repo: author.did, collection: POST, rkey: rkeys[turn % rkeys.length] }
    return { user: reader, method: 'GET', nsid: 'com.atproto.repo.getRecord', params }
  }
}

const AUTHORS = 100
const EACH = 10
const SEEDING_AT_ONCE = 8

/** Pages of a feed: a post of each author. */
async function hydrateAuthors(site: LoadSite): Promise<NextRequest> {
  const authors = site.users.slice(0, AUTHORS)
  const reader = userOf(site.users, AUTHORS)
  const posts = await mapConcurrently(authors, SEEDING_AT_ONCE, (author) => seedPosts(site, author, EACH))
  let turn = 0
  return () => {
    const at = turn++ % EACH
    const body = { uris: posts.map((uris) => uris[at]) }
    return { user: reader, method: 'POST', nsid: HYDRATE, body }
  }
}

/** Four reads and a write, by everybody; each reads what others have written. */
async function mix(site: LoadSite): Promise<NextRequest> {
  const { users, serviceDid } = site
  const libraries = await mapConcurrently(users, SEEDING_AT_ONCE, async (author) => ({
    author,
    uris: await seedPosts(site, author, PAGE),
  }))
  const turns = new Map<number, number>()
  return (connection) => {
    const turn = turns.get(connection) ?? connection
    turns.set(connection, turn + 1)
    const user = userOf(users, connection)
    const library = libraries[(connection + turn) % libraries.length]
    if (library === undefined) throw new Error('a workload needs a user')
    const { author, uris } = library
    const of = { repo: author.did, collection: POST }
    switch (turn % 10) {
      case 0:
      case 5:
        return {
          ...{ user, method: 'POST', nsid: 'com.atproto.repo.createRecord' },
          body: { repo: user.did, collection: POST, record: drawPost(serviceDid) },
        }
      case 1:
        return { user, method: 'GET', nsid: 'com.atproto.repo.listRecords', params: { ...of, limit: 20 } }
      case 2:
        return { user, method: 'POST', nsid: HYDRATE, body: { uris: uris.slice(0, 20) } }
      default: {
        const uri = uris[turn % uris.length] ?? ''
        const params = { ...of, rkey: uri.slice(uri.lastIndexOf('/') + 1) }
        return { user, method: 'GET', nsid: 'com.atproto.repo.getRecord', params }
      }
    }
  }
}

/** @param proof whether they are proven */
function hydratePages(proof: boolean) {
  return async (site: LoadSite): Promise<NextRequest> => {
    const { reader, uris } = await openLibrary(site)
    let turn = 0
    return () => {
      const start = (turn++ * PAGE) % SEEDED
      const body = { uris: uris.slice(start, start + PAGE), ...(proof ? { proof } : {}) }
      return { user: reader, method: 'POST', nsid: HYDRATE, body }
    }
  }
}

export const READ_WORKLOADS: readonly Workload[] = [
  {
    ...READS,
    name: 'getRecord',
    aliases: ['get-seq'],
    summary: `getRecord of another user's posts, one at a time`,
    open: getEach,
  },
  {
    ...READS,
    name: 'get-32-connections',
    aliases: ['get'],
    summary: `getRecord of another user's posts over 32 connections`,
    connections: 32,
    open: getEach,
  },
  {
    ...READS,
    name: 'list-100',
    summary: `listRecords of ${PAGE} of another user's posts`,
    itemsPerOperation: PAGE,
    async open(site) {
      const { author, reader } = await openLibrary(site)
      const params = { repo: author.did, collection: POST, limit: PAGE }
      return () => ({ user: reader, method: 'GET', nsid: 'com.atproto.repo.listRecords', params })
    },
  },
  {
    ...READS,
    name: 'hydrate-100',
    summary: `hydrateRecords of ${PAGE} posts of one author, by another user`,
    itemsPerOperation: PAGE,
    open: hydratePages(false),
  },
  {
    ...READS,
    name: 'hydrate-100-authors',
    aliases: ['hydrate-100x100'],
    summary: `hydrateRecords of ${AUTHORS} posts of as many authors, by another user`,
    users: AUTHORS + 1,
    itemsPerOperation: AUTHORS,
    open: hydrateAuthors,
  },
  {
    ...READS,
    name: 'proof-100',
    summary: `hydrateRecords of ${PAGE} posts of one author with their proof`,
    itemsPerOperation: PAGE,
    open: hydratePages(true),
  },
  {
    ...READS,
    name: 'mixed-100-clients',
    aliases: ['mixed'],
    summary:
      'eight reads to two writes by 20 users over 100 connections: getRecord, pages of 20, createRecord',
    users: 20,
    connections: 100,
    open: mix,
  },
]
