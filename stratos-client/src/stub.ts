import { parseStubSource, type StubSource } from 'stratos-core'

/**
 * Reads a record from a PDS as a stub: the public shadow of a private record.
 *
 * @returns where the record is, its `subject` ready for {@link hydrateRecords}; null if this is no stub
 */
export function parseStub(value: unknown): StubSource | null {
  return parseStubSource(value)
}
