/** Entry of the process that makes load. Obeys `Command`s that come through IPC and answers each with a `Reply`. */
import { ProofClient } from 'test-network'
import { mapConcurrently } from '../map-concurrently.ts'
import { CONCURRENT_SIGN_INS } from '../users.ts'
import { getWorkload } from '../workloads/catalog.ts'
import { ClosedLoop, type LoadResult } from './closed-loop.ts'
import type { Command, LoadTarget, OpenCommand, Reply } from './commands.ts'
import { floorSource, workloadSource } from './request-sources.ts'

let workloadLoop: ClosedLoop | undefined
const floorLoops = new Map<string, ClosedLoop>()

async function open({ workload: name, network, users: accounts }: OpenCommand): Promise<void> {
  const workload = getWorkload(name)
  const users = await mapConcurrently(accounts, CONCURRENT_SIGN_INS, async (account) => ({
    did: account.did,
    client: await ProofClient.signIn(network, account),
  }))
  const next = await workload.open({ serviceDid: network.serviceDid, users })
  workloadLoop = new ClosedLoop(workloadSource(users, next), network.serviceUrl, workload.connections)
}

function loopOf(target: LoadTarget): ClosedLoop {
  if (target.kind === 'workload') {
    if (workloadLoop === undefined) throw new Error('no workload is open')
    return workloadLoop
  }
  const key = `${target.connections} ${target.url}`
  const loop = floorLoops.get(key) ?? new ClosedLoop(floorSource(target.url), target.url, target.connections)
  floorLoops.set(key, loop)
  return loop
}

async function obey(command: Command): Promise<LoadResult | null> {
  switch (command.name) {
    case 'open':
      await open(command)
      return null
    case 'prepare':
      await loopOf(command.target).prepare(command.limits)
      return null
    case 'run':
      return loopOf(command.target).run(command.limits)
  }
}

function reply(message: Reply): void {
  process.send?.(message)
}

process.on('message', (command: Command) => {
  obey(command).then(
    (result) => reply({ result }),
    (err: unknown) => reply({ error: err instanceof Error ? err.message : String(err) }),
  )
})
process.once('disconnect', () => process.exit(0))
