import { AtpAgent } from '@atproto/api'
import type { Network } from 'test-network'

export const ENROLLMENT = 'zone.stratos.actor.enrollment'

/** The first hundred records of a collection, as the PDS shows them to everybody. */
export async function listPublic(
  network: Network,
  did: string,
  collection: string,
): Promise<readonly { readonly uri: string; readonly value: Readonly<Record<string, unknown>> }[]> {
  const agent = new AtpAgent({ service: network.pdsUrl })
  const { data } = await agent.com.atproto.repo.listRecords({ repo: did, collection, limit: 100 })
  return data.records
}
