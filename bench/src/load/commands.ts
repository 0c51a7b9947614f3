import type { LoadResult, RunLimits } from './closed-loop.ts'

/** Where a load goes to. */
export type LoadTarget =
  | { readonly kind: 'workload' }
  /** `url` is that of a server of the read floor. */
  | { readonly kind: 'floor'; readonly url: string; readonly connections: number }

export interface OpenCommand {
  readonly name: 'open'
  readonly workload: string
  readonly network: { readonly serviceUrl: string; readonly serviceDid: string; readonly pdsUrl: string }
  /** Enrolled accounts, as many as the workload has users. */
  readonly users: readonly { readonly did: string; readonly handle: string; readonly password: string }[]
}

/** What the process that makes load is told to do, one command at a time. */
export type Command =
  | OpenCommand
  | { readonly name: 'prepare'; readonly target: LoadTarget; readonly limits: RunLimits }
  | { readonly name: 'run'; readonly target: LoadTarget; readonly limits: RunLimits }

/** Its answer: `result` is there after `run`. */
export type Reply = { readonly error: string } | { readonly result: LoadResult | null }
