import { join } from 'node:path'
import type { Actors } from 'stratos-core'
import type { DidDocuments } from '../identity/did-documents.ts'
import { PublishedEnrollments } from '../identity/published-enrollments.ts'
import type { SafeFetch } from '../identity/safe-fetch.ts'
import { ImportRepo, type ImportParts } from '../operations/import-repo.ts'
import { ImportSlots } from '../operations/import-slots.ts'
import { openBlockFile } from '../stores/block-file.ts'
import { openPieceFile } from '../stores/piece-file.ts'

/** Imports at a time; each takes a connection or a handle for seconds. */
const MAX_IMPORTS = 4
const MAX_BLOCK_BYTES = 1024 * 1024
const MAX_BLOCKS = 2_000_000

export interface ImportingOptions extends Pick<
  ImportParts,
  'policy' | 'references' | 'lock' | 'members' | 'stubs' | 'nowMs'
> {
  readonly actors: Actors
  readonly dataDir: string
  readonly maxBytes: number
  readonly documents: DidDocuments
  readonly fetch: SafeFetch
}

/** Builds what imports repos. */
export function composeImporting(options: ImportingOptions): ImportRepo {
  const { dataDir, maxBytes, documents, fetch, ...parts } = options
  const directory = join(dataDir, 'imports')
  const published = new PublishedEnrollments({ documents, fetch })
  return new ImportRepo({
    ...parts,
    openSpool: { blocks: () => openBlockFile(directory), pieces: () => openPieceFile(directory) },
    findRepoKey: (did, source) => published.findRepoKey(did, source),
    limits: { maxBytes, maxBlockBytes: MAX_BLOCK_BYTES, maxBlocks: MAX_BLOCKS },
    slots: new ImportSlots(MAX_IMPORTS),
  })
}
