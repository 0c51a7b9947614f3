import type { Boundary, Did } from 'stratos-core'
import type { DidDocuments } from '../identity/did-documents.ts'
import type { Handles } from '../identity/handles.ts'
import type { Logger } from '../logger.ts'
import { DescribeRepo } from '../operations/describe-repo.ts'
import { ExportRepo } from '../operations/export-repo.ts'
import { Hydrate } from '../operations/hydrate.ts'
import { PageCursors } from '../operations/page-cursors.ts'
import { ProveRecords } from '../operations/prove-records.ts'
import { ReadRecords } from '../operations/read-records.ts'
import { RepoHeads } from '../operations/repo-heads.ts'
import { Takedowns } from '../operations/takedowns.ts'
import type { Storage } from '../stores/open-storage.ts'

export interface ReadingOptions {
  readonly storage: Pick<Storage, 'actors' | 'audit' | 'enrollments' | 'memberships' | 'cursorSecret'>
  readonly serviceBoundaries: ReadonlySet<Boundary>
  readonly documents: Pick<DidDocuments, 'find'>
  readonly handles: Pick<Handles, 'findDid'>
  readonly logger: Logger
}

/** Builds everything that reads records. */
export function composeReading({ storage, serviceBoundaries, documents, handles, logger }: ReadingOptions) {
  const { actors, enrollments, memberships } = storage
  const cursors = new PageCursors(storage.cursorSecret)
  const proofs = new ProveRecords({ actors, serviceBoundaries })
  const reads = new ReadRecords({
    actors,
    serviceBoundaries,
    cursors,
    proofs,
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
  return {
    reads,
    proofs,
    describeRepo,
    hydrate: new Hydrate({ records: reads, memberships }),
    exports: new ExportRepo({ actors, serviceBoundaries }),
    takedowns: new Takedowns({ actors, audit: storage.audit, nowMs: Date.now }),
    heads: new RepoHeads({ actors, enrollments, cursors }),
  }
}
