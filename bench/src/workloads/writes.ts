import { drawBatch, drawPost, POST, seedPosts } from './posts.ts'
import {
  userOf,
  type LoadRequest,
  type LoadSite,
  type LoadUser,
  type NextRequest,
  type Workload,
} from './workload.ts'

/** Users take turns among the connections. */
function createsBy(site: LoadSite): NextRequest {
  const { users, serviceDid } = site
  return (connection) => createRequest(serviceDid, userOf(users, connection))
}

function createRequest(serviceDid: string, user: LoadUser): LoadRequest {
  const body = { repo: user.did, collection: POST, record: drawPost(serviceDid) }
  return { user, method: 'POST', nsid: 'com.atproto.repo.createRecord', body }
}

const WRITES = { users: 1, connections: 1, floor: 'write', stubs: 'off' } as const

function createAt(records: number): Workload {
  return {
    ...WRITES,
    name: `create-at-${records / 1000}k`,
    summary: `createRecord, one at a time, into a repo of ${records.toLocaleString('en')} records`,
    // Or a small repo would grow to several times its size while it is being measured.
    maxOperations: 200,
    async open(site) {
      await seedPosts(site, userOf(site.users, 0), records)
      return createsBy(site)
    },
  }
}

function applyWrites(count: number): Workload {
  return {
    ...WRITES,
    name: `applyWrites-${count}`,
    summary: `applyWrites with ${count} new records, one request at a time`,
    itemsPerOperation: count,
    async open({ users, serviceDid }) {
      const user = userOf(users, 0)
      return () => ({
        user,
        method: 'POST',
        nsid: 'com.atproto.repo.applyWrites',
        body: drawBatch(serviceDid, user, count),
      })
    },
  }
}

export const WRITE_WORKLOADS: readonly Workload[] = [
  {
    ...WRITES,
    name: 'createRecord',
    aliases: ['create-seq'],
    summary: 'createRecord by one user, one at a time, with public stubs as in production',
    stubs: 'full',
    open: async (site) => createsBy(site),
  },
  {
    ...WRITES,
    name: 'create-50-users',
    summary: 'createRecord by 50 users, each over a connection of their own',
    users: 50,
    connections: 50,
    open: async (site) => createsBy(site),
  },
  {
    ...WRITES,
    name: 'create-one-repo-20-connections',
    summary: 'createRecord by one user over 20 connections',
    connections: 20,
    open: async (site) => createsBy(site),
  },
  {
    ...WRITES,
    name: 'create-1000-users',
    aliases: ['1000-actors'],
    summary: 'createRecord by 1,000 users in turn over 20 connections, for memory and file descriptors',
    users: 1_000,
    connections: 20,
    open: async ({ users, serviceDid }) => {
      let turn = 0
      return () => createRequest(serviceDid, userOf(users, turn++))
    },
  },
  ...[1_000, 10_000, 50_000].map(createAt),
  ...[10, 100, 200].map(applyWrites),
]
