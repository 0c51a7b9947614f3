import type { Did, RepoHead } from 'stratos-core'
import type { RepoTree } from 'stratos-core/repo'

const MAX_REPOS = 200
/** A tree gathers every node it is asked about; starting over now and then keeps it small. */
const MAX_COMMITS = 50

/** A repo as one commit left it. */
export interface KnownRepo {
  readonly head: RepoHead
  readonly tree: RepoTree
}

/** The repos written to last, so that the next commit need not read them again. */
export class RecentRepos {
  /** In order of last use. */
  readonly #repos = new Map<Did, KnownRepo & { readonly commits: number }>()

  find(did: Did): KnownRepo | undefined {
    return this.#repos.get(did)
  }

  /** @param repo after a commit that is durable */
  keep(did: Did, { head, tree }: KnownRepo): void {
    const commits = (this.#repos.get(did)?.commits ?? 0) + 1
    this.#repos.delete(did)
    if (commits > MAX_COMMITS) return
    this.#repos.set(did, { head, tree, commits })
    if (this.#repos.size <= MAX_REPOS) return
    const [idlest] = this.#repos.keys()
    if (idlest !== undefined) this.#repos.delete(idlest)
  }

  forget(did: Did): void {
    this.#repos.delete(did)
  }
}
