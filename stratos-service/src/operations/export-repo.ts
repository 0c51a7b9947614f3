import { readScopeOf, StratosError, type Actors, type Did, type Tid, type Viewer } from 'stratos-core'
import { collectRepoBlocks, writeCar } from 'stratos-core/repo'
import { ExportSlots } from './export-slots.ts'

const MAX_DURATION_MS = 15 * 60_000

/** An export that has begun. */
export interface RepoExport {
  /** Made as they are read. @throws if it takes too long, or the repo is removed meanwhile */
  readonly chunks: AsyncIterable<Uint8Array>
  /** To be called when nothing more will be read; more than once does no harm. */
  readonly close: () => Promise<void>
}

/** Hands out whole repos: the commit, its MST and those records that the viewer may see. */
export class ExportRepo {
  readonly #actors: Pick<Actors, 'openSnapshot'>
  readonly #serviceBoundaries: ReadonlySet<string>
  readonly #slots = new ExportSlots()

  constructor(options: { actors: Pick<Actors, 'openSnapshot'>; serviceBoundaries: ReadonlySet<string> }) {
    this.#actors = options.actors
    this.#serviceBoundaries = options.serviceBoundaries
  }

  /**
   * Begins an export of the repo as it is now. Writers go on meanwhile.
   *
   * @param viewer the owner, or an allow-listed service, which gets no records that are for their owner alone
   * @param since leaves out what was there at this revision
   * @throws {StratosError} `RepoNotFound`, `RateLimitExceeded` or `ServiceUnavailable` if too many are under way
   */
  async begin(viewer: Viewer, did: Did, since: Tid | undefined): Promise<RepoExport> {
    const end = this.#slots.take(viewer)
    try {
      const snapshot = await this.#actors.openSnapshot(did)
      const close = async () => {
        end()
        await snapshot.close()
      }
      try {
        const { repo, records } = snapshot.stores
        const head = await repo.findHead()
        if (head === null) throw new StratosError('RepoNotFound', 'there is no such repo on this service')
        const withheld = await records.listWithheld(readScopeOf(viewer, did, this.#serviceBoundaries))
        const blocks = collectRepoBlocks(repo, head.cid, { since, withheld })
        return { chunks: inTime(writeCar([head.cid], blocks)), close }
      } catch (err) {
        await close()
        throw err
      }
    } catch (err) {
      end()
      throw err
    }
  }
}

async function* inTime(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const deadlineMs = performance.now() + MAX_DURATION_MS
  for await (const chunk of chunks) {
    yield chunk
    if (performance.now() > deadlineMs) throw new Error('an export took too long')
  }
}
