import { ENROLLMENT_COLLECTION } from '../enrollment/enrollment-record.ts'

/**
 * Whether this service keeps records of a collection: everything under `zone.stratos.`, and what the operator has added.
 * Enrollment records are public; they belong on the PDS and are refused whatever the configuration says.
 *
 * @param extraCollections NSIDs, or whole groups of them as `com.example.*`
 */
export function isKeptCollection(collection: string, extraCollections: readonly string[]): boolean {
  if (collection === ENROLLMENT_COLLECTION) return false
  return collection.startsWith('zone.stratos.') || extraCollections.some((extra) => covers(extra, collection))
}

function covers(pattern: string, collection: string): boolean {
  return pattern.endsWith('.*') ? collection.startsWith(pattern.slice(0, -1)) : collection === pattern
}
