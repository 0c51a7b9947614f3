import { POST, seedPosts } from './posts.ts'
import type { LoadSite, LoadUser, NextRequest, Workload } from './workload.ts'

const SEEDED = 500
const PAGE = 100

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
    async open(site) {
      const { reader, uris } = await openLibrary(site)
      let turn = 0
      return () => {
        const start = (turn++ * PAGE) % SEEDED
        const body = { uris: uris.slice(start, start + PAGE) }
        return { user: reader, method: 'POST', nsid: 'zone.stratos.repo.hydrateRecords', body }
      }
    },
  },
]
