import type { Kysely } from 'kysely'
import type { Did } from 'stratos-core'
import { listActors } from './placements.ts'
import type { ServiceTables } from './schema.ts'

const PAGE = 500

/** What the key of an actor's repo is called where it is sealed. */
export function placeOfActorKey(did: Did): string {
  return `actor-key:${did}`
}

/** Brings the keys of all actors into the form in which the vault writes. @returns how many had another */
export async function rewrapActorKeys(
  db: Kysely<ServiceTables>,
  rewrap: (did: Did) => Promise<boolean>,
): Promise<number> {
  let rewrapped = 0
  for (let after = ''; ;) {
    const page = await listActors(db, after, PAGE)
    for (const did of page) if (await rewrap(did)) rewrapped += 1
    const last = page.at(-1)
    if (last === undefined || page.length < PAGE) return rewrapped
    after = last
  }
}
