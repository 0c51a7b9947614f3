import { READ_WORKLOADS } from './reads.ts'
import type { Workload } from './workload.ts'
import { WRITE_WORKLOADS } from './writes.ts'

/** All workloads, in the order in which they are listed. */
export const WORKLOADS: readonly Workload[] = [...WRITE_WORKLOADS, ...READ_WORKLOADS]

/** @param name also an alias */
export function findWorkload(name: string): Workload | null {
  return WORKLOADS.find((workload) => workload.name === name || workload.aliases?.includes(name)) ?? null
}

/** @throws {Error} if there is none of that name */
export function getWorkload(name: string): Workload {
  const workload = findWorkload(name)
  if (workload === null) throw new Error(`there is no workload ${name}`)
  return workload
}
