import type { Boundary, Did } from 'stratos-core'
import type { DidDocuments } from '../identity/did-documents.ts'
import type { Handles } from '../identity/handles.ts'
import type { Logger } from '../logger.ts'
import { DescribeRepo } from '../operations/describe-repo.ts'
import { Hydrate } from '../operations/hydrate.ts'
import { PageCursors } from '../operations/page-cursors.ts'
import { ReadRecords } from '../operations/read-records.ts'
import type { Storage } from '../stores/open-storage.ts'

export interface ReadingOptions {
  readonly storage: Pick<Storage, 'actors' | 'memberships' | 'cursorSecret'>
  readonly serviceBoundaries: ReadonlySet<Boundary>
  readonly documents: Pick<DidDocuments, 'find'>
  readonly handles: Pick<Handles, 'findDid'>
  readonly logger: Logger
}

/** Builds everything that reads records. */
export function composeReading({ storage, serviceBoundaries, documents, handles, logger }: ReadingOptions) {
  const { actors, memberships, cursorSecret } = storage
  const reads = new ReadRecords({
    actors,
    serviceBoundaries,
    cursors: new PageCursors(cursorSecret),
    onDamaged: (uri) => logger.error({ uri }, 'the stored bytes of a record are damaged'),
  })
  const describeRepo = new DescribeRepo({
    actors,
    serviceBoundaries,
    accounts: {
      findDocument: (did: Did) => documents.find(did),
      // Nobody's choice but the owner's: charged to the handle itself.
      findDid: (handle) => handles.findDid(handle, handle),
    },
  })
  return { reads, describeRepo, hydrate: new Hydrate({ records: reads, memberships }) }
}
