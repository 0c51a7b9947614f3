import type { LoadSite, LoadUser } from './workload.ts'

export const POST = 'zone.stratos.feed.post'
const MAX_WRITES = 200

/** A post behind `general`, of usual length. No two are equal. */
export function drawPost(serviceDid: string): object {
  drawn += 1
  return {
    $type: POST,
    text: `Post number ${drawn}, which says in about as many words as people use what there is to say.`,
    boundary: {
      $type: 'zone.stratos.boundary.defs#Domains',
      values: [{ value: `${serviceDid}/general` }],
    },
    createdAt: new Date().toISOString(),
  }
}

let drawn = 0

/** The body of an applyWrites that creates `count` posts. */
export function drawBatch(serviceDid: string, { did }: LoadUser, count: number): object {
  const writes = Array.from({ length: count }, () => ({
    $type: 'com.atproto.repo.applyWrites#create',
    collection: POST,
    value: drawPost(serviceDid),
  }))
  return { repo: did, writes }
}

/**
 * Fills a user's repo.
 *
 * @returns the URIs of the new posts, oldest first
 * @throws {Error} if the service refuses
 */
export async function seedPosts(site: LoadSite, user: LoadUser, count: number): Promise<string[]> {
  const uris: string[] = []
  while (uris.length < count) {
    const body = drawBatch(site.serviceDid, user, Math.min(MAX_WRITES, count - uris.length))
    const answer = await user.client.call('POST', 'com.atproto.repo.applyWrites', { body })
    if (answer.status !== 200) {
      throw new Error(`seeding was answered with ${answer.status}: ${JSON.stringify(answer.body)}`)
    }
    for (const { uri } of answer.body.results as { uri: string }[]) uris.push(uri)
  }
  return uris
}
