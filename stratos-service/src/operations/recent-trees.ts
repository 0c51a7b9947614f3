import type { Did } from 'stratos-core'
import type { RepoTree } from 'stratos-core/repo'

const MAX_REPOS = 200
/** A tree gathers every node it is asked about; starting over now and then keeps it small. */
const MAX_COMMITS = 50

/** Trees of the repos written to last, so that the next commit need not read them again. */
export class RecentTrees {
  /** In order of last use. */
  readonly #trees = new Map<Did, { readonly tree: RepoTree; readonly commits: number }>()

  find(did: Did): RepoTree | undefined {
    return this.#trees.get(did)?.tree
  }

  /** @param tree of a commit that is durable */
  keep(did: Did, tree: RepoTree): void {
    const commits = (this.#trees.get(did)?.commits ?? 0) + 1
    this.#trees.delete(did)
    if (commits > MAX_COMMITS) return
    this.#trees.set(did, { tree, commits })
    if (this.#trees.size <= MAX_REPOS) return
    const [idlest] = this.#trees.keys()
    if (idlest !== undefined) this.#trees.delete(idlest)
  }
}
