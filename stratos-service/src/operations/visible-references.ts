import {
  parseAtUri,
  readScopeOf,
  type Actors,
  type ActorStores,
  type AtUri,
  type Boundary,
  type UserViewer,
} from 'stratos-core'
import { readIfPresent } from './read-if-present.ts'

/** Looks up what records refer to, as far as their author may see it. */
export class VisibleReferences {
  readonly #actors: Pick<Actors, 'read'>
  readonly #serviceBoundaries: ReadonlySet<string>

  constructor(options: { actors: Pick<Actors, 'read'>; serviceBoundaries: ReadonlySet<string> }) {
    this.#actors = options.actors
    this.#serviceBoundaries = options.serviceBoundaries
  }

  /** @returns null for a record that does not exist, and alike for one that the author may not see */
  async find(author: UserViewer, uri: AtUri): Promise<readonly Boundary[] | null> {
    const { did, collection, rkey } = parseAtUri(uri)
    const scope = readScopeOf(author, did, this.#serviceBoundaries)
    const find = (stores: ActorStores) => stores.records.find({ collection, rkey }, scope)
    return (await readIfPresent(this.#actors, did, find))?.boundaries ?? null
  }
}
