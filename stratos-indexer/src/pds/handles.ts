import { setTimeout as pause } from 'node:timers/promises'
import type { IdResolver } from '@atproto/identity'
import { isValidHandle } from '@atproto/syntax'
import type { SafeFetch } from '../identity/safe-fetch.ts'
import type { Logger } from '../logger.ts'
import type { Database } from '../tables/database.ts'
import { iso } from '../tables/write-rows.ts'

export interface HandleParts {
  readonly database: Database
  readonly resolver: IdResolver
  readonly fetch: SafeFetch
  /** Server whose com.atproto.identity.resolveHandle is believed; null to ask DNS and the handle's own web server. */
  readonly handleResolver: string | null
  readonly atOnce: number
  readonly logger: Logger
  readonly signal: AbortSignal
}

const EVERY_MS = 1_000
const GOOD_FOR_MS = 60 * 60_000

/** Keeps the handles of enrolled accounts, each looked up in both directions. Resolves when the signal aborts. */
export async function keepHandles(parts: HandleParts): Promise<void> {
  const { database, atOnce, logger, signal } = parts
  while (!signal.aborted) {
    try {
      const due = await database.db
        .selectFrom('stratos_enrollment as e')
        .leftJoin('stratos_actor as a', 'a.did', 'e.did')
        .select('e.did')
        .distinct()
        .where((where) =>
          where.or([where('a.did', 'is', null), where('a.checkedAt', '<', iso(Date.now() - GOOD_FOR_MS))]),
        )
        .limit(atOnce)
        .execute()
      await Promise.all(due.map(({ did }) => keepHandle(parts, did)))
      if (due.length === atOnce) continue
    } catch (err) {
      logger.warn({ err }, 'handles could not be looked up')
    }
    await pause(EVERY_MS, undefined, { signal }).catch(() => undefined)
  }
}

async function keepHandle(parts: HandleParts, did: string): Promise<void> {
  const handle = await findHandle(parts, did)
  const row = { handle, checkedAt: iso(Date.now()) }
  await parts.database.db.transaction().execute(async (tx) => {
    // A handle is one account's: who had it before has lost it.
    if (handle !== null) {
      await tx
        .updateTable('stratos_actor')
        .set({ handle: null, checkedAt: iso(0) })
        .where('handle', '=', handle)
        .where('did', '!=', did)
        .execute()
    }
    await tx
      .insertInto('stratos_actor')
      .values({ did, ...row })
      .onConflict((conflict) => conflict.column('did').doUpdateSet(row))
      .execute()
  })
}

async function findHandle(parts: HandleParts, did: string): Promise<string | null> {
  const { resolver, logger } = parts
  try {
    const document = await resolver.did.resolve(did)
    const known = document?.alsoKnownAs?.find((name) => name.startsWith('at://'))?.slice('at://'.length)
    if (known === undefined || !isValidHandle(known)) return null
    return (await resolveHandle(parts, known)) === did ? known.toLowerCase() : null
  } catch (err) {
    logger.warn({ err, did }, 'a handle could not be looked up')
    return null
  }
}

async function resolveHandle(
  { resolver, fetch, handleResolver }: HandleParts,
  handle: string,
): Promise<unknown> {
  if (handleResolver === null) return resolver.handle.resolve(handle)
  const query = new URLSearchParams({ handle }).toString()
  const answer = await fetch(`${handleResolver}/xrpc/com.atproto.identity.resolveHandle?${query}`)
  const told: unknown = answer.ok ? await answer.json() : null
  return typeof told === 'object' && told !== null && 'did' in told ? told.did : null
}
