import type { CallOptions, ProofClient } from 'test-network'

/** An enrolled account that is signed in. */
export interface LoadUser {
  readonly did: string
  readonly client: ProofClient
}

/** What a workload works on. */
export interface LoadSite {
  readonly serviceDid: string
  /** As many as the workload asks for. All share the boundary `general`. */
  readonly users: readonly LoadUser[]
}

export interface LoadRequest {
  readonly user: LoadUser
  readonly method: 'GET' | 'POST'
  readonly nsid: string
  readonly params?: CallOptions['params']
  readonly body?: unknown
}

/** Users take turns. @throws {Error} if there is none */
export function userOf(users: readonly LoadUser[], turn: number): LoadUser {
  const user = users[turn % users.length]
  if (user === undefined) throw new Error('a workload needs a user')
  return user
}

/** @param connection from 0 up to the workload's number of connections */
export type NextRequest = (connection: number) => LoadRequest

/** A kind of load. Runs in the process that makes it; everything but `open` is only read elsewhere. */
export interface Workload {
  readonly name: string
  readonly aliases?: readonly string[]
  /** One line for the list of workloads. */
  readonly summary: string
  readonly users: number
  readonly connections: number
  /** What one request reads or writes, when that is several records; default 1. */
  readonly itemsPerOperation?: number
  /** The floor it is compared with. */
  readonly floor: 'write' | 'read'
  /** Whether the service keeps public stubs meanwhile, unless the command line says otherwise. */
  readonly stubs: 'full' | 'off'
  /** Ends a round early, for workloads that must not change much of what they measure. */
  readonly maxOperations?: number
  /** Writes what has to be there first. */
  open(site: LoadSite): Promise<NextRequest>
}
