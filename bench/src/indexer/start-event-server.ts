import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'

/** Starts a process that plays a service with so many commits. */
export async function startEventServer(events: number): Promise<{ url: string; process: ChildProcess }> {
  const process = fork(new URL('./event-server.ts', import.meta.url), [String(events)])
  const [url] = (await once(process, 'message')) as [string]
  return { url, process }
}
