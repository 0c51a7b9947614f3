import type { Keypair } from '@atproto/crypto'
import { sql, type Kysely } from 'kysely'
import {
  StratosError,
  type Actors,
  type ActorStores,
  type Did,
  type EventLog,
  type Snapshot,
} from 'stratos-core'
import { createP256Keypair, importP256Keypair } from 'stratos-core/repo'
import { formOf, type Vault } from '../config/vault.ts'
import { placeOfActorKey } from './actor-key.ts'
import { actorStores, repoFeed, repoNotFound } from './actor-stores.ts'
import { POSTGRES } from './dialect.ts'
import { oneOrFail } from './one-or-fail.ts'
import { formatTags } from './event-log.ts'
import { SERVICE_SCHEMA } from './postgres-database.ts'
import { isMissingTable } from './postgres-errors.ts'
import type { PostgresLayout } from './postgres-layout.ts'
import { OpenSnapshots } from './open-snapshots.ts'
import { deleteActor, insertActor, Placements, type Placement } from './placements.ts'
import type { ActorTables, PostgresTables, ServiceTables } from './schema.ts'
import { Statements } from './statements.ts'
import { inTransaction, inTransactionAfter, inTransactionBehind, together } from './transaction.ts'
import { indexOf, withAppend } from './watched-events.ts'

/** How long another instance may go on finding an actor where it was. Writers always look. */
const PLACEMENT_FRESH_MS = 5_000
const MAX_KEYS = 10_000
/** Compiled statements of a schema take some ten KiB. */
const MAX_STATEMENTS = 1_000
/** Over the tables of the service, which are in the same schema everywhere. */
const SERVICE_STATEMENTS = new Statements()

export interface PostgresActorsOptions {
  /** Without a schema. */
  readonly db: Kysely<PostgresTables>
  /** Over connections that may be held for long. */
  readonly snapshots: Kysely<PostgresTables>
  readonly layout: PostgresLayout
  /** Told when an actor's feed has grown. */
  readonly grown: (did: Did) => void
  readonly vault: Vault
  readonly nowMs: () => number
}

/**
 * Actors in the schemas of a Postgres database. An actor's row in the `actor` table is what writers lock, so that they
 * take turns on all instances, and none writes to an actor that is being destroyed.
 */
export class PostgresActors implements Actors {
  readonly #db: Kysely<PostgresTables>
  readonly #snapshots: Kysely<PostgresTables>
  readonly #open = new OpenSnapshots()
  readonly #layout: PostgresLayout
  readonly #vault: Vault
  readonly #placements: Placements
  readonly #grown: (did: Did) => void
  /** By the actor's number. */
  readonly #keys = new Map<number, Keypair>()
  /** By schema. */
  readonly #statements = new Map<string, Statements>()

  constructor({ db, snapshots, layout, vault, grown, nowMs }: PostgresActorsOptions) {
    this.#db = db
    this.#snapshots = snapshots
    this.#grown = grown
    this.#layout = layout
    this.#vault = vault
    this.#placements = new Placements(serviceTables(db), { freshMs: PLACEMENT_FRESH_MS, nowMs })
  }

  async exists(did: Did): Promise<boolean> {
    return (await this.#placements.find(did)) !== null
  }

  async create(did: Did): Promise<void> {
    await inTransaction(this.#db, async (trx) => {
      await insertActor(serviceTables(trx), did)
      await this.#hold(trx, await lockActor(trx, did))
    })
  }

  async read<T>(did: Did, work: (stores: ActorStores) => Promise<T>): Promise<T> {
    const number = await this.#find(did)
    try {
      return await work(this.#stores(this.#db, number))
    } catch (err) {
      // Destroyed by another instance since we looked.
      if (!isMissingTable(err)) throw err
      this.#placements.forget(did)
      throw repoNotFound()
    }
  }

  async transact<T>(did: Did, work: (stores: ActorStores, finish: () => void) => Promise<T>): Promise<T> {
    const number = await this.#find(did)
    let appended = false
    const result = await inTransactionBehind(
      this.#db,
      (trx) => this.#holdAt(trx, did, number),
      (trx, finish) => {
        const stores = this.#stores(trx, number)
        const append: EventLog['append'] = async (...event) => {
          appended = true
          const [seq] = await together([
            stores.events.append(...event),
            this.#leaveInInbox(trx, number, ...event),
          ])
          return seq
        }
        return work({ ...stores, events: withAppend(stores.events, append) }, finish)
      },
    )
    if (appended) this.#grown(did)
    return result
  }

  async openSnapshot(did: Did): Promise<Snapshot> {
    const number = await this.#find(did)
    const opened = Promise.withResolvers<Snapshot['stores']>()
    const closed = Promise.withResolvers<void>()
    const transaction = inTransaction(this.#snapshots, async (trx) => {
      await sql`set transaction isolation level repeatable read, read only`.execute(trx)
      const { repo, records } = this.#stores(trx, number)
      await repo.findHead()
      opened.resolve({ repo, records })
      await closed.promise
    })
    transaction.catch(opened.reject)
    const stores = await opened.promise
    // How it ends does not matter: nothing was written, and whoever read has heard of any error.
    const ended = transaction.catch(() => undefined)
    return this.#open.add(did, stores, async () => {
      closed.resolve()
      await ended
    })
  }

  async signingKey(did: Did): Promise<Keypair> {
    const placement = await this.#placements.find(did)
    const known = placement === null ? undefined : this.#keys.get(placement.number)
    if (known !== undefined) return known
    const { number, key } = await this.#inHeldActor(did, async (trx, number) => ({
      number,
      key: await this.#loadOrCreateKey(this.#tables(trx, number), number, did),
    }))
    // Not before it is durable.
    if (this.#keys.size >= MAX_KEYS) this.#keys.clear()
    this.#keys.set(number, key)
    return key
  }

  /** Brings an actor's key into the form in which the vault writes. @returns whether it had another */
  async rewrapKey(did: Did): Promise<boolean> {
    return this.#inHeldActor(did, async (trx, repo) => {
      const tables = this.#tables(trx, repo)
      const kept = await findKey(tables, repo)
      if (kept === null || formOf(kept) === this.#vault.form) return false
      const place = placeOfActorKey(did)
      const key = this.#vault.seal(this.#vault.open(kept, place), place)
      await tables.updateTable('signing_key').set({ key }).where('repo', '=', repo).execute()
      return true
    })
  }

  /** Ends what is being read at leisure. */
  async close(): Promise<void> {
    await this.#open.close()
  }

  async destroy(did: Did): Promise<void> {
    // Their tables cannot be dropped while they are read. Where another instance has some, this fails until they end.
    await this.#open.closeAll(did)
    const number = await inTransactionAfter(
      this.#db,
      (trx) => lockActor(trx, did),
      async (trx, placement) => {
        if (placement === null) return null
        await this.#layout.clear(trx, placement.number)
        await deleteActor(serviceTables(trx), did)
        return placement.number
      },
    )
    this.#placements.forget(did)
    if (number !== null) this.#keys.delete(number)
  }

  /** Finds an actor whose tables are up to date. The answer may be a few seconds old. */
  async #find(did: Did): Promise<number> {
    const placement = await this.#placements.find(did)
    if (placement === null) throw repoNotFound()
    if (this.#layout.isOutdated(placement)) {
      await this.#inHeldActor(did, async () => undefined)
      this.#placements.forget(did)
    }
    return placement.number
  }

  /** Waits for whoever holds the actor, and holds it until the transaction ends, if it is the one with this number. */
  async #holdAt(trx: Kysely<PostgresTables>, did: Did, number: number): Promise<void> {
    try {
      await SERVICE_STATEMENTS.run(trx, 'hold actor', { did, number }, (wanted) =>
        serviceTables(trx)
          .with('held', (query) =>
            query.selectFrom('actor').select('id').where('did', '=', wanted.did).forUpdate(),
          )
          .selectFrom('held')
          .select(oneOrFail)
          .where('id', '=', wanted.number),
      )
    } catch (err) {
      if (!(err instanceof StratosError && err.code === 'ConcurrentModification')) throw err
      // Destroyed by another instance since we looked, and perhaps created again.
      this.#placements.forget(did)
      throw repoNotFound()
    }
  }

  async #inHeldActor<T>(
    did: Did,
    work: (trx: Kysely<PostgresTables>, number: number) => Promise<T>,
  ): Promise<T> {
    return inTransactionAfter(
      this.#db,
      (trx) => lockActor(trx, did),
      async (trx, placement) => work(trx, await this.#hold(trx, placement)),
    )
  }

  /** Takes care that the tables of a locked actor are up to date. */
  async #hold(trx: Kysely<PostgresTables>, placement: Placement | null): Promise<number> {
    if (placement === null) throw repoNotFound()
    if (this.#layout.isOutdated(placement)) {
      const version = await this.#layout.prepare(trx, placement)
      await serviceTables(trx)
        .updateTable('actor')
        .set({ version })
        .where('id', '=', placement.number)
        .execute()
    }
    return placement.number
  }

  /** Asks for a place in the feed of the service for the event that was appended last. */
  async #leaveInInbox(
    trx: Kysely<PostgresTables>,
    number: number,
    ...[body, atMs, index]: Parameters<EventLog['append']>
  ): Promise<void> {
    const { tags, contentBytes: weight } = indexOf(0, atMs, body, index)
    const row = { repo: number, at_ms: atMs, tags: formatTags(tags), weight }
    const statements = this.#statementsOf(this.#layout.schemaOf(number))
    await statements.run(trx, 'leave in inbox', { feed: repoFeed(number), row }, ({ feed, row }) => {
      // Not waiting for the number: that would be another round trip.
      const feeds = this.#tables(trx, number).selectFrom('feed')
      const seq = feeds.select('last_seq').where('feed', '=', feed).$asScalar()
      return serviceTables(trx)
        .insertInto('feed_inbox')
        .values({ ...row, seq })
    })
  }

  async #loadOrCreateKey(db: Kysely<ActorTables>, repo: number, did: Did): Promise<Keypair> {
    const place = placeOfActorKey(did)
    const kept = await findKey(db, repo)
    if (kept !== null) return importP256Keypair(this.#vault.open(kept, place))
    const created = createP256Keypair()
    const key = this.#vault.seal(created.export(), place)
    await db.insertInto('signing_key').values({ repo, key }).execute()
    return created
  }

  #stores(db: Kysely<PostgresTables>, number: number): ActorStores {
    const statements = this.#statementsOf(this.#layout.schemaOf(number))
    return actorStores(this.#tables(db, number), number, POSTGRES, statements)
  }

  #statementsOf(schema: string): Statements {
    const known = this.#statements.get(schema)
    if (known !== undefined) return known
    if (this.#statements.size >= MAX_STATEMENTS) this.#statements.clear()
    const statements = new Statements()
    this.#statements.set(schema, statements)
    return statements
  }

  #tables(db: Kysely<PostgresTables>, number: number): Kysely<ActorTables> {
    return db.withSchema(this.#layout.schemaOf(number))
  }
}

function serviceTables(db: Kysely<PostgresTables>): Kysely<ServiceTables> {
  return db.withSchema(SERVICE_SCHEMA)
}

/** Waits for whoever holds the actor, and holds it until the transaction ends. */
async function lockActor(trx: Kysely<PostgresTables>, did: Did): Promise<Placement | null> {
  const { rows } = await SERVICE_STATEMENTS.run(trx, 'lock actor', did, (wanted) =>
    serviceTables(trx).selectFrom('actor').select(['id', 'version']).where('did', '=', wanted).forUpdate(),
  )
  const [row] = rows
  return row === undefined ? null : { number: row.id, version: row.version }
}

async function findKey(db: Kysely<ActorTables>, repo: number): Promise<Uint8Array | null> {
  const row = await db.selectFrom('signing_key').select('key').where('repo', '=', repo).executeTakeFirst()
  return row?.key ?? null
}
