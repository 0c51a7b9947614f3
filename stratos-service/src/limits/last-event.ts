import type { EventLog } from 'stratos-core'

/** When something last happened in a repo, in milliseconds since the epoch; 0 if nothing has, or nobody remembers. */
export async function lastEventAtMs(events: Pick<EventLog, 'latestSeq' | 'listAfter'>): Promise<number> {
  const [last] = await events.listAfter((await events.latestSeq()) - 1, 1)
  return last?.atMs ?? 0
}
