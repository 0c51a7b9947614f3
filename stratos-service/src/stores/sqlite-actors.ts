import { hash } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Keypair } from '@atproto/crypto'
import { Kysely } from 'kysely'
import { StratosError, type Actors, type ActorStores, type Did } from 'stratos-core'
import { createP256Keypair, importP256Keypair } from 'stratos-core/repo'
import { loadOrCreateSecret } from '../config/secrets.ts'
import type { ActorNumbers } from './actor-numbers.ts'
import { SQLITE } from './dialect.ts'
import { SqlEventLog } from './event-log.ts'
import { HandlePool } from './handle-pool.ts'
import { SqlJobQueue } from './job-queue.ts'
import { migrateToLatest } from './migrate.ts'
import { actorMigrations } from './migrations/actor.ts'
import { SqlRecordStore } from './record-store.ts'
import { SqlRepoStore } from './repo-store.ts'
import type { ActorTables } from './schema.ts'
import { sqliteDialect } from './sqlite-dialect.ts'

const CACHE_KIB = 512

/** An open actor: its database and, once somebody signed, its key. */
interface ActorHandle {
  readonly number: number
  readonly db: Kysely<ActorTables>
  key: Keypair | null
}

/**
 * A directory per actor, `{dataDir}/actors/{first two hex digits of SHA-256(did)}/{did}/`, with `stratos.sqlite` and the
 * actor's `signing_key`.
 */
export class SqliteActors implements Actors {
  readonly #root: string
  readonly #numbers: ActorNumbers
  readonly #pool: HandlePool<Did, ActorHandle>

  constructor(options: { dataDir: string; numbers: ActorNumbers; maxOpen: number }) {
    this.#root = join(options.dataDir, 'actors')
    this.#numbers = options.numbers
    this.#pool = new HandlePool({
      max: options.maxOpen,
      open: (did) => this.#open(did),
      close: (handle) => handle.db.destroy(),
    })
  }

  async exists(did: Did): Promise<boolean> {
    return (await this.#numbers.find(did)) !== null
  }

  async create(did: Did): Promise<void> {
    await mkdir(this.#directory(did), { recursive: true, mode: 0o700 })
    await this.#numbers.getOrCreate(did)
  }

  async read<T>(did: Did, work: (stores: ActorStores) => Promise<T>): Promise<T> {
    return this.#pool.use(did, ({ db, number }) => work(storesOf(db, number)))
  }

  async transact<T>(did: Did, work: (stores: ActorStores) => Promise<T>): Promise<T> {
    return this.#pool.use(did, ({ db, number }) =>
      db.transaction().execute((transaction) => work(storesOf(transaction, number))),
    )
  }

  async signingKey(did: Did): Promise<Keypair> {
    return this.#pool.use(did, async (handle) => {
      handle.key ??= await this.#loadKey(did)
      return handle.key
    })
  }

  async destroy(did: Did): Promise<void> {
    await this.#pool.evict(did)
    await rm(this.#directory(did), { recursive: true, force: true })
    await this.#numbers.delete(did)
  }

  async close(): Promise<void> {
    await this.#pool.close()
  }

  async #open(did: Did): Promise<ActorHandle> {
    const number = await this.#numbers.find(did)
    if (number === null) throw new StratosError('RepoNotFound', 'there is no such repo on this service')
    const file = join(this.#directory(did), 'stratos.sqlite')
    const db = new Kysely<ActorTables>({ dialect: sqliteDialect({ file, cacheKiB: CACHE_KIB }) })
    await migrateToLatest(db, actorMigrations(SQLITE))
    return { number, db, key: null }
  }

  async #loadKey(did: Did): Promise<Keypair> {
    const path = join(this.#directory(did), 'signing_key')
    return importP256Keypair(await loadOrCreateSecret(path, async () => createP256Keypair().export()))
  }

  #directory(did: Did): string {
    return join(this.#root, hash('sha256', did).slice(0, 2), did)
  }
}

function storesOf(db: Kysely<ActorTables>, number: number): ActorStores {
  return {
    repo: new SqlRepoStore(db, number),
    records: new SqlRecordStore(db, number, SQLITE),
    events: new SqlEventLog(db, `repo:${number}`),
    stubs: new SqlJobQueue(db, `stubs:${number}`),
  }
}
