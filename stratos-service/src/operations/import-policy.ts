import type { LexMap } from '@atproto/lex-data'
import {
  boundariesOf,
  checkBoundaries,
  checkReferences,
  parseAtUri,
  StratosError,
  translateBoundaries,
  validateRecord,
  type AtUri,
  type Boundary,
  type RecordKey,
  type RecordPolicy,
  type UserViewer,
  type ValidatedRecord,
} from 'stratos-core'
import type { RepoArchive } from './repo-archive.ts'
import type { VisibleReferences } from './visible-references.ts'

/** Translations of boundaries: from those in an export to those of this service. */
export type BoundaryMap = ReadonlyMap<string, Boundary>

const MAX_TRANSLATIONS = 50

/**
 * @param entries `from=to`
 * @throws {StratosError} `InvalidRequest`, or what `checkBoundaries` says of a `to`
 */
export function parseBoundaryMap(
  entries: readonly string[],
  author: UserViewer,
  policy: RecordPolicy,
): BoundaryMap {
  if (entries.length > MAX_TRANSLATIONS)
    throw new StratosError('InvalidRequest', `at most ${MAX_TRANSLATIONS} boundaries can be translated`)
  const service = { did: policy.serviceDid, boundaries: policy.serviceBoundaries }
  return new Map(
    entries.map((entry) => {
      // No DID has this sign, but the name of a boundary may.
      const at = entry.indexOf(`=${policy.serviceDid}/`)
      if (at < 1) {
        throw new StratosError('InvalidRequest', `map must have the form from=${policy.serviceDid}/name`)
      }
      const to = entry.slice(at + 1)
      checkBoundaries(author, [to], service)
      return [entry.slice(0, at), to as Boundary]
    }),
  )
}

/** Why a record stays out although nothing is wrong with it: this service, or the author's place in it, differs. */
export class NotForHere extends Error {
  override name = 'NotForHere'
  readonly reason: StratosError

  constructor(reason: StratosError) {
    super(reason.message)
    this.reason = reason
  }
}

/** What a write has to fulfil, for the records of an archive. */
export class ImportPolicy {
  readonly #archive: RepoArchive
  readonly #author: UserViewer
  readonly #policy: RecordPolicy
  readonly #map: BoundaryMap
  readonly #references: VisibleReferences

  constructor(options: {
    archive: RepoArchive
    author: UserViewer
    policy: RecordPolicy
    map: BoundaryMap
    references: VisibleReferences
  }) {
    this.#archive = options.archive
    this.#author = options.author
    this.#policy = options.policy
    this.#map = options.map
    this.#references = options.references
  }

  /** The record as it is to be written here. */
  translate(record: LexMap): LexMap {
    return translateBoundaries(record, this.#map)
  }

  /**
   * Checks a translated record as if its author wrote it now.
   *
   * @returns its boundaries
   * @throws {NotForHere} if it would do elsewhere
   * @throws {StratosError} if it would do nowhere
   */
  async check(key: RecordKey, record: LexMap): Promise<readonly Boundary[]> {
    const { boundaries, references } = this.#validate(key, record)
    if (references.length === 0) return boundaries
    const visible = new Map<AtUri, readonly Boundary[]>()
    for (const uri of references) {
      const found = await this.#find(uri)
      if (found !== null) visible.set(uri, found)
    }
    try {
      checkReferences(record, boundaries, visible)
      return boundaries
    } catch (err) {
      throw err instanceof StratosError ? new NotForHere(err) : err
    }
  }

  #validate({ collection, rkey }: RecordKey, record: LexMap): ValidatedRecord {
    try {
      return validateRecord({ collection, rkey, record }, this.#policy, this.#author)
    } catch (err) {
      const elsewhere =
        err instanceof StratosError && (err.code === 'ServiceMismatch' || err.code === 'ForbiddenBoundary')
      throw elsewhere ? new NotForHere(err) : err
    }
  }

  /** Threads are imported with their beginnings: a record of the archive counts as if it were here already. */
  async #find(uri: AtUri): Promise<readonly Boundary[] | null> {
    const address = parseAtUri(uri)
    if (address.did !== this.#author.did) return this.#references.find(this.#author, uri)
    const record = this.#archive.findRecord(address)
    return record === null ? null : boundariesOf(this.translate(record))
  }
}
