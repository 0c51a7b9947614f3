import {
  ENROLLMENT_COLLECTION,
  parseEnrollmentRecord,
  parseNsid,
  parseStubSource,
  type Did,
  type Nsid,
  type Rkey,
} from 'stratos-core'
import type { ListedRecord } from './listed-records.ts'
import { PdsRefusedError, PdsSessionEndedError, type PdsAccount, type PdsAccounts } from './pds-accounts.ts'

const COLLECTION = parseNsid(ENROLLMENT_COLLECTION)
/** A hostile PDS could list for ever. */
const MAX_PAGES = 20_000

/**
 * Removes what this service has put into a user's public repo. What that is, the PDS is asked: the private side may be gone
 * by then, and nothing that a crash left behind is overlooked.
 */
export class PublicTraces {
  readonly #pds: Pick<PdsAccounts, 'open'>
  readonly #serviceUrl: string
  readonly #serviceDid: Did
  readonly #collections: ReadonlySet<Nsid>

  /** @param options.collections whose records have stubs */
  constructor(options: {
    pds: Pick<PdsAccounts, 'open'>
    serviceUrl: string
    serviceDid: Did
    collections: ReadonlySet<Nsid>
  }) {
    this.#pds = options.pds
    this.#serviceUrl = options.serviceUrl
    this.#serviceDid = options.serviceDid
    this.#collections = options.collections
  }

  /**
   * Deletes the stubs that point at this service, and then the enrollment record, also under the keys that it may have had
   * in former times. Can be repeated.
   *
   * @param mayGoOn asked before every page, so that work begun for a former state of things stops
   * @returns `impossible` if the PDS refuses, or if the user has withdrawn the permission that this takes
   * @throws {StratosError} `PdsUnreachable` if it may work later
   */
  async remove(
    did: Did,
    enrollmentRkey: Rkey,
    mayGoOn: () => Promise<boolean>,
  ): Promise<'removed' | 'impossible'> {
    try {
      const account = await this.#pds.open(did)
      for (const collection of this.#collections) {
        await this.#deleteAll(account, collection, ({ value }) => this.#isOurStub(value), mayGoOn)
      }
      const isOurs = ({ rkey, value }: ListedRecord) =>
        rkey === enrollmentRkey || isEnrollmentWith(this.#serviceUrl, value, rkey)
      await this.#deleteAll(account, COLLECTION, isOurs, mayGoOn)
      return 'removed'
    } catch (err) {
      if (err instanceof PdsSessionEndedError || err instanceof PdsRefusedError) return 'impossible'
      throw err
    }
  }

  async #deleteAll(
    account: PdsAccount,
    collection: Nsid,
    isOurs: (record: ListedRecord) => boolean,
    mayGoOn: () => Promise<boolean>,
  ): Promise<void> {
    let cursor: string | undefined
    for (let page = 0; page < MAX_PAGES; page += 1) {
      if (!(await mayGoOn())) return
      const listed = await account.listRecords(collection, cursor)
      const rkeys = listed.records.filter(isOurs).map(({ rkey }) => rkey)
      if (rkeys.length > 0) await account.deleteRecords(collection, rkeys)
      cursor = listed.cursor
      if (cursor === undefined) return
    }
  }

  #isOurStub(value: unknown): boolean {
    return parseStubSource(value)?.serviceDid === this.#serviceDid
  }
}

/** Whether a public record announces an enrollment with the service at this address. */
export function isEnrollmentWith(serviceUrl: string, value: unknown, rkey: string): boolean {
  const record = parseEnrollmentRecord(value, rkey)
  return record !== null && withoutSlash(record.service) === withoutSlash(serviceUrl)
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '')
}
