import { boundariesOf, decodeRecord, encodeRecord } from 'stratos-core'
import { openDatabase, type Database } from 'stratos-indexer'
import { ProofClient, startNetwork, type Account, type IndexerProcess, type Network } from 'test-network'
import { post, POST } from '../../../stratos-service/tests/_util/post.ts'

/** One author, what they write, and whether the indexer has all of it and nothing else. */
export class Campaign {
  readonly network: Network
  readonly indexer: IndexerProcess
  readonly #author: Account
  #client: ProofClient

  private constructor(network: Network, indexer: IndexerProcess, author: Account, client: ProofClient) {
    this.network = network
    this.indexer = indexer
    this.#author = author
    this.#client = client
  }

  static async start(storage: 'sqlite' | 'postgres'): Promise<Campaign> {
    const network = await startNetwork({ enrolled: true, indexer: true, storage })
    const [author] = network.accounts
    if (network.indexer === null || author === undefined) throw new Error('somebody is missing')
    return new Campaign(network, network.indexer, author, await ProofClient.signIn(network, author))
  }

  close(): Promise<void> {
    return this.network.close()
  }

  async create(text: string, names: readonly string[]): Promise<string> {
    return this.#write('createRecord', { record: post(this.network.serviceDid, text, names) })
  }

  async edit(uri: string, text: string, names: readonly string[]): Promise<void> {
    const record = post(this.network.serviceDid, text, names)
    await this.#write('putRecord', { rkey: rkeyOf(uri), record })
  }

  async delete(uri: string): Promise<void> {
    await this.#write('deleteRecord', { rkey: rkeyOf(uri) })
  }

  /** What the service has: each URI with its CID, in order. */
  async source(): Promise<string[]> {
    const found: string[] = []
    let cursor: string | undefined
    do {
      const params = { repo: this.#author.did, collection: POST, limit: 100, cursor }
      const { body } = await this.#client.call('GET', 'com.atproto.repo.listRecords', { params })
      for (const { uri, cid } of body.records) found.push(`${uri} ${cid}`)
      cursor = body.cursor
    } while (cursor !== undefined)
    return found.sort()
  }

  /** What the indexer has: the same, of records whose bytes and boundaries are what the CID names. */
  async indexed(): Promise<string[]> {
    return this.use(async ({ db }) => {
      const rows = await db
        .selectFrom('stratos_record')
        .select(['uri', 'cid', 'record'])
        .where('did', '=', this.#author.did)
        .execute()
      const behind = await db.selectFrom('stratos_post_boundary').select(['uri', 'boundary']).execute()
      const found = rows.map(async ({ uri, cid, record }) => {
        const value = decodeRecord(Uint8Array.from(record))
        const exact = (await encodeRecord(value)).cid.toString() === cid
        const kept = behind.filter((row) => row.uri === uri).map(({ boundary }) => boundary)
        const told: readonly string[] = boundariesOf(value)
        return exact && kept.toSorted().join() === told.toSorted().join() ? `${uri} ${cid}` : `${uri} wrong`
      })
      return (await Promise.all(found)).sort()
    })
  }

  /** Opens the indexer's database beside it: connections do not outlive a crash of the server. */
  async use<T>(work: (database: Database) => Promise<T>): Promise<T> {
    const database = await openDatabase(this.indexer.database)
    try {
      return await work(database)
    } finally {
      await database.close()
    }
  }

  async #write(method: string, body: object): Promise<string> {
    const answer = await this.#client.call('POST', `com.atproto.repo.${method}`, {
      body: { repo: this.#author.did, collection: POST, ...body },
    })
    if (answer.status !== 200) throw new Error(`${method} answered ${answer.status} ${answer.body?.error}`)
    return String(answer.body.uri)
  }
}

function rkeyOf(uri: string): string {
  return uri.slice(uri.lastIndexOf('/') + 1)
}
