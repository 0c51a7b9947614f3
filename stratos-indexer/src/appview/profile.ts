import type { Db } from '../tables/database.ts'
import { INVALID_HANDLE } from './post-views.ts'
import type { Viewer } from './viewer.ts'

/** @returns null for a handle that no known account has */
export async function findActor(db: Db, actor: string): Promise<string | null> {
  if (actor.startsWith('did:')) return actor
  const row = await db
    .selectFrom('stratos_actor')
    .select('did')
    .where('handle', '=', actor.toLowerCase())
    .executeTakeFirst()
  return row?.did ?? null
}

/**
 * Builds `app.bsky.actor.defs#profileViewDetailed` with `associated.stratosDomains`: all boundaries of the viewer on the
 * viewer's own profile, and those that both hold on another.
 *
 * @returns null for an account that is not enrolled anywhere
 */
export async function buildProfile(db: Db, viewer: Viewer, actor: string): Promise<object | null> {
  const did = await findActor(db, actor)
  if (did === null) return null
  const held = [...viewer.boundaries.values()].flat()
  const isEnrolled = await db
    .selectFrom('stratos_enrollment as e')
    .leftJoin('stratos_actor as a', 'a.did', 'e.did')
    .select('a.handle')
    .where('e.did', '=', did)
    .executeTakeFirst()
  if (isEnrolled === undefined) return null
  const stratosDomains = did === viewer.did ? held : await shared()
  return { did, handle: isEnrolled.handle ?? INVALID_HANDLE, associated: { stratosDomains } }

  async function shared(): Promise<string[]> {
    if (held.length === 0) return []
    const rows = await db
      .selectFrom('stratos_enrollment_boundary')
      .select('boundary')
      .distinct()
      .where('did', '=', did)
      .where('boundary', 'in', held)
      .orderBy('boundary')
      .execute()
    return rows.map(({ boundary }) => boundary)
  }
}
