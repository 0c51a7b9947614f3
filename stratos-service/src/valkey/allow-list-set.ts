import { isValidDid } from '@atproto/syntax'
import type { Redis } from 'ioredis'
import type { AllowListStore, Did, KnownAccounts } from 'stratos-core'

const CHUNK = 1_000
const LEADER_KEY = 'leader'

/**
 * The last good list as a set in Valkey, for all instances: one of them asks the source, the others read. Beside the set
 * `name` lie `name:meta`, which says what it is a copy of and since when, and `name:leader`.
 */
export class AllowListSet implements AllowListStore {
  readonly #valkey: Redis
  readonly #name: string
  readonly #uri: string
  #version: string | null = null
  #list: KnownAccounts | null = null

  constructor(options: { valkey: Redis; name: string; uri: string }) {
    this.#valkey = options.valkey
    this.#name = options.name
    this.#uri = options.uri
  }

  async load(): Promise<KnownAccounts | null> {
    const { uri, etag, version, checkedAtMs } = await this.#valkey.hgetall(`${this.#name}:meta`)
    if (uri !== this.#uri || version === undefined) return null
    const isNew = this.#list === null || version !== this.#version
    const dids = isNew ? await readMembers(this.#valkey, this.#name) : (this.#list?.dids ?? new Set<Did>())
    // A set that somebody has dropped says nothing about who is on the list.
    if (dids.size === 0) return null
    this.#version = version
    this.#list = {
      dids,
      etag: etag === undefined || etag === '' ? null : etag,
      checkedAtMs: Number(checkedAtMs ?? 0),
    }
    return this.#list
  }

  async save(list: KnownAccounts): Promise<void> {
    const changed = this.#list === null || this.#list.dids !== list.dids
    const version = changed ? `${list.checkedAtMs}-${crypto.randomUUID()}` : this.#version
    const meta = {
      uri: this.#uri,
      etag: list.etag ?? '',
      version: version ?? '',
      checkedAtMs: String(list.checkedAtMs),
    }
    // Written aside and then put in place at once, so that nobody reads half a list.
    const next = `${this.#name}:next:${version}`
    if (changed) {
      const members = [...list.dids]
      for (let start = 0; start < members.length; start += CHUNK) {
        await this.#valkey.sadd(next, ...members.slice(start, start + CHUNK))
      }
      await this.#valkey.expire(next, 3_600)
    }
    const together = this.#valkey.multi()
    if (changed) together.rename(next, this.#name).persist(this.#name)
    for (const [err] of (await together.hset(`${this.#name}:meta`, meta).exec()) ?? [])
      if (err !== null) throw err
    this.#version = version
    this.#list = list
  }

  async claim(forMs: number): Promise<boolean> {
    return (await this.#valkey.set(`${this.#name}:${LEADER_KEY}`, '1', 'PX', forMs, 'NX')) === 'OK'
  }
}

/** Members of a set that are DIDs. */
export async function readMembers(valkey: Redis, name: string): Promise<ReadonlySet<Did>> {
  const dids = new Set<Did>()
  let cursor = '0'
  do {
    const [next, members] = await valkey.sscan(name, cursor, 'COUNT', CHUNK)
    for (const member of members) if (isValidDid(member)) dids.add(member)
    cursor = next
  } while (cursor !== '0')
  return dids
}
