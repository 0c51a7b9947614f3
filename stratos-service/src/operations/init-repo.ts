import type { Keypair } from '@atproto/crypto'
import { nextTid, type Actors, type Did } from 'stratos-core'
import { buildInitialCommit } from 'stratos-core/repo'
import { encodeCommitEvent } from './commit-event.ts'

/**
 * Gives an actor a repo with a signed empty commit. Does nothing to a repo that has a head, so that it can be repeated.
 *
 * @param options.afterSeq where the events of the actor's former repo ended; 0 if there was none
 * @returns the key that signs this repo's commits
 */
export async function initRepo(
  actors: Actors,
  did: Did,
  { nowMs, afterSeq }: { nowMs: number; afterSeq: number },
): Promise<Keypair> {
  await actors.create(did)
  const keypair = await actors.signingKey(did)
  await actors.transact(did, async (stores) => {
    if ((await stores.repo.findHead()) !== null) return
    const rev = nextTid(undefined, nowMs)
    const commit = await buildInitialCommit({ did, rev, keypair })
    // One number stays empty: followers of the former repo, whose end nothing tells of, have missed something.
    if (afterSeq > 0) await stores.events.continueAfter(afterSeq + 1)
    await Promise.all([
      stores.repo.applyCommit(null, commit, { added: commit.newBlocks, removed: [], removedRecords: [] }),
      stores.events.append(encodeCommitEvent({ rev, commit: commit.cid, ops: [] }), nowMs),
    ])
  })
  return keypair
}
