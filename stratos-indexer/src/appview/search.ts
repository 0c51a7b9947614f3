import { sql } from 'kysely'
import type { Database, Db } from '../tables/database.ts'
import type { PageRequest } from './feed-queries.ts'
import { listKept, type KeptPost } from './kept-posts.ts'
import { serviceOf } from './viewer.ts'

type SearchTables = {
  /** Boundaries whose posts can be searched. */
  stratos_search_boundary: { boundary: string }
  /** Texts of posts that are behind one of them. */
  stratos_search: { id: number; uri: string; service: string; text: string }
}

const MAX_WORDS = 16

/**
 * Keeps an index of words for posts behind some boundaries, and of no others. It is made of what the tables have, anew when
 * the list of boundaries changes, and follows them by triggers, in the same transactions.
 *
 * @param boundaries fully qualified; with none there is no index
 */
export async function prepareSearch(database: Database, boundaries: readonly string[]): Promise<void> {
  const wanted = [...new Set(boundaries)].toSorted()
  const statements = database.kind === 'postgres' ? POSTGRES : SQLITE
  await database.db.transaction().execute(async (tx) => {
    const db = tx.withTables<SearchTables>()
    await db.schema
      .createTable('stratos_search_boundary')
      .ifNotExists()
      .addColumn('boundary', 'text', (column) => column.primaryKey())
      .execute()
    const rows = await db.selectFrom('stratos_search_boundary').select('boundary').execute()
    const present = rows.map(({ boundary }) => boundary).toSorted()
    if (JSON.stringify(present) === JSON.stringify(wanted)) return

    for (const statement of statements.drop) await sql.raw(statement).execute(tx)
    await db.deleteFrom('stratos_search_boundary').execute()
    if (wanted.length === 0) return
    await db
      .insertInto('stratos_search_boundary')
      .values(wanted.map((boundary) => ({ boundary })))
      .execute()
    for (const statement of statements.create) await sql.raw(statement).execute(tx)
    await sql.raw(FILL).execute(tx)
  })
}

/** Words of a query, without anything that a search engine would take for an instruction. */
export function wordsOf(query: string): string[] {
  return (query.match(/[\p{L}\p{N}]+/gu) ?? []).slice(0, MAX_WORDS)
}

/** Lists posts that have all words and are behind any of some boundaries for which there is an index, newest first. */
export async function searchPosts(
  { kind, db }: Database,
  words: readonly string[],
  boundaries: readonly string[],
  { after, limit }: PageRequest,
): Promise<KeptPost[]> {
  const held = await searchable(db, boundaries)
  if (held.length === 0 || words.length === 0) return []
  const found = db
    .withTables<SearchTables>()
    .selectFrom('stratos_search as s')
    .innerJoin('stratos_post_boundary as b', (join) =>
      join.onRef('b.uri', '=', 's.uri').onRef('b.service', '=', 's.service'),
    )
    .select(['b.sortAt', 'b.uri', (eb) => eb.fn.min('b.service').as('service')])
    .where(
      kind === 'postgres'
        ? sql<boolean>`s.words @@ plainto_tsquery('simple', ${words.join(' ')})`
        : sql<boolean>`s.id in (select rowid from stratos_search_words where stratos_search_words match ${words
            .map((word) => `"${word}"`)
            .join(' ')})`,
    )
    .where((eb) =>
      eb.or(
        held.map((boundary) =>
          eb.and([eb('b.boundary', '=', boundary), eb('b.service', '=', serviceOf(boundary))]),
        ),
      ),
    )
    .$if(after !== null, (query) =>
      query.where((eb) =>
        eb(eb.refTuple('b.sortAt', 'b.uri'), '<', eb.tuple(after?.sortAt ?? '', after?.uri ?? '')),
      ),
    )
    .groupBy(['b.sortAt', 'b.uri'])
    .orderBy('b.sortAt', 'desc')
    .orderBy('b.uri', 'desc')
    .limit(limit)
  return listKept(db, found)
}

/** There is no index, and no table, where searching was never turned on. */
async function searchable(db: Db, boundaries: readonly string[]): Promise<string[]> {
  if (boundaries.length === 0) return []
  const rows = await db
    .withTables<SearchTables>()
    .selectFrom('stratos_search_boundary')
    .select('boundary')
    .where('boundary', 'in', boundaries)
    .execute()
  return rows.map(({ boundary }) => boundary)
}

const COLUMNS = '"uri", "service", "text"'
const FILL = `insert into stratos_search (${COLUMNS})
  select p."uri", p."service", p."text" from stratos_post p
  where exists (select 1 from stratos_post_boundary b join stratos_search_boundary s on s."boundary" = b."boundary"
    where b."uri" = p."uri" and b."service" = p."service")`

const SQLITE = {
  drop: [
    'drop trigger if exists stratos_search_boundary_added',
    'drop trigger if exists stratos_search_boundary_removed',
    'drop trigger if exists stratos_search_added',
    'drop trigger if exists stratos_search_removed',
    'drop table if exists stratos_search_words',
    'drop table if exists stratos_search',
  ],
  create: [
    'create table stratos_search (id integer primary key, uri text not null, service text not null, text text not null, unique (uri, service))',
    `create virtual table stratos_search_words using fts5(text, content='stratos_search', content_rowid='id')`,
    // Words of deleted posts must not linger in the index.
    `insert into stratos_search_words (stratos_search_words, rank) values ('secure-delete', 1)`,
    `create trigger stratos_search_added after insert on stratos_search begin
       insert into stratos_search_words (rowid, text) values (new.id, new.text); end`,
    `create trigger stratos_search_removed after delete on stratos_search begin
       insert into stratos_search_words (stratos_search_words, rowid, text) values ('delete', old.id, old.text); end`,
    `create trigger stratos_search_boundary_added after insert on stratos_post_boundary
       when exists (select 1 from stratos_search_boundary where boundary = new.boundary) begin
       insert or ignore into stratos_search (uri, service, text)
         select uri, service, text from stratos_post where uri = new.uri and service = new.service; end`,
    `create trigger stratos_search_boundary_removed after delete on stratos_post_boundary
       when exists (select 1 from stratos_search_boundary where boundary = old.boundary) begin
       delete from stratos_search where uri = old.uri and service = old.service and not exists (
         select 1 from stratos_post_boundary b join stratos_search_boundary s on s.boundary = b.boundary
         where b.uri = old.uri and b.service = old.service); end`,
  ],
}

const POSTGRES = {
  drop: [
    'drop trigger if exists stratos_search_boundary_added on stratos_post_boundary',
    'drop trigger if exists stratos_search_boundary_removed on stratos_post_boundary',
    'drop function if exists stratos_search_add()',
    'drop function if exists stratos_search_remove()',
    'drop table if exists stratos_search',
  ],
  create: [
    `create table stratos_search (id bigserial primary key, uri text not null, service text not null, text text not null,
       words tsvector generated always as (to_tsvector('simple', text)) stored, unique (uri, service))`,
    'create index stratos_search_by_word on stratos_search using gin (words)',
    `create function stratos_search_add() returns trigger language plpgsql as $$ begin
       if exists (select 1 from stratos_search_boundary where boundary = new.boundary) then
         insert into stratos_search (uri, service, text)
           select p.uri, p.service, p.text from stratos_post p where p.uri = new.uri and p.service = new.service
           on conflict do nothing;
       end if; return null; end $$`,
    `create function stratos_search_remove() returns trigger language plpgsql as $$ begin
       if exists (select 1 from stratos_search_boundary where boundary = old.boundary) then
         delete from stratos_search where uri = old.uri and service = old.service and not exists (
           select 1 from stratos_post_boundary b join stratos_search_boundary s on s.boundary = b.boundary
           where b.uri = old.uri and b.service = old.service);
       end if; return null; end $$`,
    `create trigger stratos_search_boundary_added after insert on stratos_post_boundary
       for each row execute function stratos_search_add()`,
    `create trigger stratos_search_boundary_removed after delete on stratos_post_boundary
       for each row execute function stratos_search_remove()`,
  ],
}
