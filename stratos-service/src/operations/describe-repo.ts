import {
  readScopeOf,
  StratosError,
  type Actors,
  type Did,
  type Nsid,
  type ReadScope,
  type Viewer,
} from 'stratos-core'
import { readIfPresent } from './read-if-present.ts'

/** What is known of accounts elsewhere. */
export interface AccountLookup {
  /** @returns null if the document cannot be had */
  findDocument(did: Did): Promise<{ readonly alsoKnownAs?: readonly string[] | undefined } | null>
  findDid(handle: string): Promise<Did | null>
}

export interface RepoDescription {
  readonly did: Did
  readonly didDoc: object
  readonly handle: string
  readonly handleIsCorrect: boolean
  /** Those in which the viewer may see something. */
  readonly collections: readonly Nsid[]
}

/** More are not named; nobody has so many on purpose. */
const MAX_COLLECTIONS = 1_000
/** For the account's identity, which somebody else serves. */
const IDENTITY_MS = 2_000
/** What a handle is called that cannot be confirmed (https://atproto.com/specs/handle). */
const NO_HANDLE = 'handle.invalid'

export class DescribeRepo {
  readonly #actors: Pick<Actors, 'read'>
  readonly #serviceBoundaries: ReadonlySet<string>
  readonly #accounts: AccountLookup

  constructor(options: {
    actors: Pick<Actors, 'read'>
    serviceBoundaries: ReadonlySet<string>
    accounts: AccountLookup
  }) {
    this.#actors = options.actors
    this.#serviceBoundaries = options.serviceBoundaries
    this.#accounts = options.accounts
  }

  /**
   * Answers without document and handle where those cannot be had in time.
   *
   * @throws {StratosError} `RepoNotFound` if there is no such repo, or nothing in it that the viewer may see; the owner
   *   and allow-listed services see an empty one
   */
  async describe(viewer: Viewer, did: Did): Promise<RepoDescription> {
    const scope = readScopeOf(viewer, did, this.#serviceBoundaries)
    const collections = await this.#collections(did, scope)
    const mayKnow = viewer.kind === 'service' || scope.kind === 'all'
    if (collections === null || (collections.length === 0 && !mayKnow)) throw repoNotFound()
    const identity = await Promise.race([this.#identity(did), after(IDENTITY_MS)])
    return {
      did,
      collections,
      ...(identity ?? { didDoc: { id: did }, handle: NO_HANDLE, handleIsCorrect: false }),
    }
  }

  async #collections(did: Did, scope: ReadScope): Promise<Nsid[] | null> {
    if (scope.kind === 'boundaries' && scope.boundaries.length === 0) return null
    return readIfPresent(this.#actors, did, ({ records }) =>
      records.listCollections(scope, '', MAX_COLLECTIONS),
    )
  }

  async #identity(did: Did): Promise<Omit<RepoDescription, 'did' | 'collections'> | null> {
    const didDoc = await this.#accounts.findDocument(did)
    if (didDoc === null) return null
    const handle = didDoc.alsoKnownAs?.find((name) => name.startsWith('at://'))?.slice('at://'.length)
    if (handle === undefined) return { didDoc, handle: NO_HANDLE, handleIsCorrect: false }
    const handleIsCorrect = (await this.#accounts.findDid(handle)) === did
    return { didDoc, handle: handleIsCorrect ? handle : NO_HANDLE, handleIsCorrect }
  }
}

function repoNotFound(): StratosError {
  return new StratosError('RepoNotFound', 'there is no such repo on this service')
}

function after(ms: number): Promise<null> {
  return new Promise((resolve) => setTimeout(() => resolve(null), ms).unref())
}
