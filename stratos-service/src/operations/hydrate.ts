import { parseDid, StratosError, type AtUri, type Did, type UserViewer, type Viewer } from 'stratos-core'
import type { HydratedRecords, ReadRecords } from './read-records.ts'

/** Who is enrolled behind which boundaries. */
export interface MembershipLookup {
  find(did: Did): Promise<{ readonly boundaries: ReadonlySet<string> } | null>
}

export interface Hydration extends HydratedRecords {
  /** For services that ask for a viewer: what exists and that viewer may not see. Empty for everybody else. */
  readonly blocked: readonly AtUri[]
}

/** Turns stub URIs into records, for the caller or, if the caller is an allow-listed service, for one of its viewers. */
export class Hydrate {
  readonly #records: Pick<ReadRecords, 'hydrate' | 'filterVisible'>
  readonly #memberships: MembershipLookup

  constructor(options: {
    records: Pick<ReadRecords, 'hydrate' | 'filterVisible'>
    memberships: MembershipLookup
  }) {
    this.#records = options.records
    this.#memberships = options.memberships
  }

  /**
   * @param options.onBehalfOf DID to answer for
   * @param options.proof whether to prove the records
   * @throws {StratosError} `InvalidRequest` for a malformed URI, `Forbidden` if the caller may not answer for others
   */
  async many(
    caller: Viewer,
    uris: readonly string[],
    { onBehalfOf, proof = false }: { readonly onBehalfOf?: string | undefined; readonly proof?: boolean },
  ): Promise<Hydration> {
    if (onBehalfOf === undefined)
      return { ...(await this.#records.hydrate(caller, uris, { proof })), blocked: [] }
    const found = await this.#records.hydrate(await this.viewerFor(caller, onBehalfOf), uris, { proof })
    // The service may see what its viewer may not, and is told which is which.
    const blocked = await this.#records.filterVisible(caller, found.notFound)
    return {
      ...found,
      notFound: found.notFound.filter((uri) => !blocked.has(uri)),
      blocked: found.notFound.filter((uri) => blocked.has(uri)),
    }
  }

  /**
   * Whom a service asks for. Of the records of `onBehalfOf` itself, the service is shown those that it may see without a
   * viewer, and none that are for their owner alone.
   *
   * @throws {StratosError} `Forbidden` unless the caller is an allow-listed service
   */
  async viewerFor(caller: Viewer, onBehalfOf: string): Promise<UserViewer> {
    if (caller.kind !== 'service') {
      throw new StratosError('Forbidden', 'only an allow-listed service may name a viewer')
    }
    const did = parseDid(onBehalfOf)
    const membership = await this.#memberships.find(did)
    return {
      kind: 'user',
      did,
      throughService: true,
      enrolled: membership !== null,
      boundaries: membership?.boundaries ?? new Set(),
    }
  }
}
