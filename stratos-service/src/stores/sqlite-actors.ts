import { hash } from 'node:crypto'
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Keypair } from '@atproto/crypto'
import { sql, type Kysely } from 'kysely'
import {
  parseDid,
  type Actors,
  type ActorStores,
  type Did,
  type EventLog,
  type IndexedEvent,
  type Snapshot,
} from 'stratos-core'
import { createP256Keypair, importP256Keypair } from 'stratos-core/repo'
import { loadOrCreateSecret, readSecret, replaceSecret } from '../config/secrets.ts'
import { formOf, type Vault } from '../config/vault.ts'
import { placeOfActorKey } from './actor-key.ts'
import { actorStores, repoNotFound } from './actor-stores.ts'
import { SQLITE } from './dialect.ts'
import { Erasures } from './erasures.ts'
import { HandlePool } from './handle-pool.ts'
import { actorMigrations } from './migrations/actor.ts'
import { OpenSnapshots } from './open-snapshots.ts'
import { deleteActor, insertActor, Placements } from './placements.ts'
import { rewriteFile } from './rewrite-file.ts'
import type { SqliteOptions } from './sqlite-dialect.ts'
import type { SqliteSequencer } from './sqlite-sequencer.ts'
import { indexOf, withAppend } from './watched-events.ts'
import type { ActorTables, ServiceTables } from './schema.ts'
import { emptyLog, openSqlite } from './sqlite-database.ts'
import { Statements } from './statements.ts'
import { inTransaction } from './transaction.ts'

// An open actor costs four file descriptors and, with these, about a third of a MiB; more if it has many records.
const CACHE_KIB = 512
const MAX_STATEMENTS = 32
const IDLE_MS = 60_000
const FILE = 'stratos.sqlite'

/** Contents that were removed are in the log for as long, ... */
const EMPTY_LOG_AFTER_MS = 1_000
/** ... and parts of them in the file. */
const REWRITE_AFTER_MS = 60_000
const LAST_REWRITES_MS = 2_000
/** File systems end at 255 bytes; a longer DID is named by its hash, which no DID can be. */
const MAX_NAME_LENGTH = 200
const HASH_PREFIX = 'sha256-'

/** An open actor: its database and, once somebody signed, its key. */
interface ActorHandle {
  readonly number: number
  readonly db: Kysely<ActorTables>
  key: Keypair | null
}

export interface SqliteActorsOptions {
  readonly dataDir: string
  readonly service: Kysely<ServiceTables>
  readonly vault: Vault
  /** How many databases may be open. */
  readonly maxOpen: number
  readonly sync: SqliteOptions['sync']
  /** Gives commits their places in the feed of the service. */
  readonly sequencer: Pick<SqliteSequencer, 'mark' | 'push' | 'lookBehind' | 'forget'>
  /** Told when an actor's feed has grown. */
  readonly grown: (did: Did) => void
  readonly onError: (err: unknown) => void
  readonly nowMs: () => number
}

/**
 * A directory per actor, `{dataDir}/actors/{first two hex digits of SHA-256(did)}/{did}/`, with `stratos.sqlite` and the
 * actor's `signing_key`.
 */
export class SqliteActors implements Actors {
  readonly #root: string
  readonly #service: Kysely<ServiceTables>
  readonly #vault: Vault
  readonly #sync: SqliteOptions['sync']
  readonly #placements: Placements
  readonly #statements = new Statements()
  readonly #sequencer: SqliteActorsOptions['sequencer']
  readonly #grown: (did: Did) => void
  readonly #pool: HandlePool<Did, ActorHandle>
  readonly #logs: Erasures<Did>
  readonly #rewrites: Erasures<Did>
  readonly #snapshots = new OpenSnapshots()
  #closed = false

  constructor(options: SqliteActorsOptions) {
    const { dataDir, service, vault, maxOpen, onError, nowMs } = options
    this.#root = join(dataDir, 'actors')
    this.#service = service
    this.#sequencer = options.sequencer
    this.#grown = options.grown
    this.#vault = vault
    this.#sync = options.sync
    // Nobody else uses the data directory.
    this.#placements = new Placements(service, { freshMs: Infinity, nowMs })
    this.#pool = new HandlePool({
      max: maxOpen,
      idleMs: IDLE_MS,
      open: (did) => this.#open(did),
      close: (handle) => handle.db.destroy(),
      onError,
      nowMs,
    })
    this.#logs = new Erasures({ erase: (did) => this.#emptyLog(did), afterMs: EMPTY_LOG_AFTER_MS, onError })
    this.#rewrites = new Erasures({ erase: (did) => this.#rewrite(did), afterMs: REWRITE_AFTER_MS, onError })
  }

  async exists(did: Did): Promise<boolean> {
    return (await this.findNumber(did)) !== null
  }

  /** `repo` in the actor's tables. */
  async findNumber(did: Did): Promise<number | null> {
    return (await this.#placements.find(did))?.number ?? null
  }

  async create(did: Did): Promise<void> {
    await this.#pool.exclusive(did, async () => {
      await mkdir(this.#directory(did), { recursive: true, mode: 0o700 })
      await insertActor(this.#service, did)
    })
  }

  async read<T>(did: Did, work: (stores: ActorStores) => Promise<T>): Promise<T> {
    return this.#pool.use(did, ({ db, number }) => work(actorStores(db, number, SQLITE, this.#statements)))
  }

  async transact<T>(did: Did, work: (stores: ActorStores) => Promise<T>): Promise<T> {
    let removed = false
    const appended: IndexedEvent[] = []
    try {
      return await this.#pool.use(did, async ({ db, number }) => {
        const result = await inTransaction(db, (trx) =>
          work(this.#watchedStores(trx, did, number, appended, () => (removed = true))),
        )
        for (const event of appended) this.#sequencer.push(did, event)
        return result
      })
    } catch (err) {
      // It may have been committed all the same: then it was the disk that failed.
      const [first] = appended
      if (first !== undefined) this.#sequencer.lookBehind(did, first.seq - 1)
      throw err
    } finally {
      if (removed) {
        this.#logs.soon(did)
        this.#rewrites.soon(did)
      }
      if (appended.length > 0) this.#grown(did)
    }
  }

  /** Over a connection of its own: with a write-ahead log, readers and the writer do not wait for each other. */
  async openSnapshot(did: Did): Promise<Snapshot> {
    // Within a use of the actor, so that its file is there and up to date.
    return this.#pool.use(did, async ({ db: writing, number }) => {
      const db = await this.#connect(did)
      try {
        await sql.raw('begin').execute(db)
        const { repo, records } = actorStores(db, number, SQLITE, this.#statements)
        // The state is that of the first read.
        await repo.findHead()
        // Has its turn when whatever was committed before is durable.
        await sql`select 1`.execute(writing)
        return this.#snapshots.add(did, { repo, records }, () => db.destroy())
      } catch (err) {
        await db.destroy()
        throw err
      }
    })
  }

  async signingKey(did: Did): Promise<Keypair> {
    return this.#pool.use(did, async (handle) => {
      handle.key ??= await this.#loadKey(did)
      return handle.key
    })
  }

  async destroy(did: Did): Promise<void> {
    // Not while nobody may open the actor: the sequencer might be waiting to do so.
    await this.#sequencer.forget(did)
    await this.#pool.exclusive(did, async () => {
      await this.#snapshots.closeAll(did)
      // The number goes last: until then a repetition of this finds what is left.
      await rm(this.#directory(did), { recursive: true, force: true })
      await inTransaction(this.#service, (trx) => deleteActor(trx, did))
      this.#placements.forget(did)
    })
    await emptyLog(this.#service)
  }

  /** Rewrites the files that were open in a crash: what was deleted before it may still be in them and their logs. */
  async eraseLeftovers(): Promise<void> {
    for (const shard of await readdir(this.#root).catch(ignoreMissing)) {
      for (const name of await readdir(join(this.#root, shard))) {
        if (this.#closed) return
        const log = await stat(join(this.#root, shard, name, `${FILE}-wal`)).catch(ignoreMissing)
        if (!('size' in log) || log.size === 0) continue
        const did = await this.#didOf(name)
        if (did !== null) await this.#rewrite(did)
      }
    }
  }

  /** Brings an actor's key into the form in which the vault writes. @returns whether it had another */
  async rewrapKey(did: Did): Promise<boolean> {
    return this.#pool.exclusive(did, async () => {
      const kept = await readSecret(this.#keyPath(did))
      if (kept === null || formOf(kept) === this.#vault.form) return false
      const place = placeOfActorKey(did)
      await replaceSecret(this.#keyPath(did), this.#vault.seal(this.#vault.open(kept, place), place))
      return true
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#snapshots.close()
    await this.#logs.close(0)
    await this.#rewrites.close(LAST_REWRITES_MS)
    await this.#pool.close()
  }

  async #emptyLog(did: Did): Promise<void> {
    if (!(await this.exists(did))) return
    // Whoever reads an older state needs the log.
    const emptied = !this.#snapshots.has(did) && (await this.#pool.use(did, ({ db }) => emptyLog(db)))
    if (!emptied) this.#logs.soon(did)
  }

  async #rewrite(did: Did): Promise<void> {
    await this.#pool.exclusive(did, async () => {
      if (this.#snapshots.has(did)) this.#rewrites.soon(did)
      else if (await this.exists(did)) await rewriteFile(join(this.#directory(did), FILE))
    })
  }

  #watchedStores(
    trx: Kysely<ActorTables>,
    did: Did,
    number: number,
    appended: IndexedEvent[],
    removed: () => void,
  ): ActorStores {
    const stores = actorStores(trx, number, SQLITE, this.#statements, removed)
    const append: EventLog['append'] = async (body, atMs, index) => {
      const seq = await stores.events.append(body, atMs, index)
      appended.push(indexOf(seq, atMs, body, index))
      // Durable before the event is.
      await this.#sequencer.mark(did, seq - 1)
      return seq
    }
    return { ...stores, events: withAppend(stores.events, append) }
  }

  async #open(did: Did): Promise<ActorHandle> {
    const placement = await this.#placements.find(did)
    if (placement === null) throw repoNotFound()
    const db = await this.#connect(did)
    return { number: placement.number, db, key: null }
  }

  #connect(did: Did): Promise<Kysely<ActorTables>> {
    const file = join(this.#directory(did), FILE)
    const options = { file, cacheKiB: CACHE_KIB, maxStatements: MAX_STATEMENTS, sync: this.#sync }
    return openSqlite<ActorTables>(options, actorMigrations(SQLITE))
  }

  async #loadKey(did: Did): Promise<Keypair> {
    const place = placeOfActorKey(did)
    const make = async () => this.#vault.seal(createP256Keypair().export(), place)
    return importP256Keypair(this.#vault.open(await loadOrCreateSecret(this.#keyPath(did), make), place))
  }

  #keyPath(did: Did): string {
    return join(this.#directory(did), 'signing_key')
  }

  #directory(did: Did): string {
    return join(this.#root, hash('sha256', did).slice(0, 2), directoryName(did))
  }

  /** Whose directory this is; null if it is nobody's any more. */
  async #didOf(name: string): Promise<Did | null> {
    if (!name.startsWith(HASH_PREFIX)) return parseDid(name)
    const rows = await this.#service
      .selectFrom('actor')
      .select('did')
      .where((eb) => eb(eb.fn<number>('length', ['did']), '>', MAX_NAME_LENGTH))
      .execute()
    const found = rows.find(({ did }) => directoryName(did) === name)
    return found === undefined ? null : parseDid(found.did)
  }
}

function directoryName(did: string): string {
  return did.length <= MAX_NAME_LENGTH ? did : HASH_PREFIX + hash('sha256', did)
}

function ignoreMissing(err: unknown): [] {
  if (err instanceof Error && 'code' in err && err.code === 'ENOENT') return []
  throw err
}
