import { zone } from '../lexicons/index.ts'
import type { Nsid } from '../ids.ts'

const POST = zone.stratos.feed.post.main

/** The record types whose lexicon is enforced on every write. */
const RECORD_LEXICONS = new Map<string, typeof POST>([[POST.$type, POST]])

/** @returns null for a collection whose lexicon we do not have */
export function findRecordLexicon(collection: Nsid): typeof POST | null {
  return RECORD_LEXICONS.get(collection) ?? null
}
