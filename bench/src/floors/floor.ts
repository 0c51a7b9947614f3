/**
 * What this machine could do at best, at this moment: the least work that an operation cannot do without, and none of
 * the service's own code.
 */
export interface Floor {
  /** Repeats the work for about this long. */
  sample(seconds: number): Promise<FloorSample>
  close(): Promise<void>
}

export interface FloorSample {
  /** Median time of one operation when nothing else is asked for. */
  readonly p50Ms: number
  /** Time per operation at full throughput, over as many connections as the workload has. */
  readonly timeMs: number
}
