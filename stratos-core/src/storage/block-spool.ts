import type { Cid } from '@atproto/lex-data'
import type { CarFrame } from '../proof/car-frames.ts'

/** Room for the blocks of one import, outside memory, gone when it is closed or the process ends. */
export interface BlockSpool {
  /**
   * Keeps blocks that were not kept before.
   *
   * @throws {StratosError} `InvalidCar` if a CID does not name the bytes that come with it
   */
  put(blocks: readonly CarFrame[]): Promise<void>
  /** Ends writing; only then may be read. */
  seal(): Promise<void>
  /** The exact bytes that the CID names. */
  find(cid: Cid): Uint8Array | null
  close(): Promise<void>
}

/** Room for pieces that are read in the order in which they were written; otherwise like `BlockSpool`. */
export interface PieceSpool {
  put(piece: Uint8Array): Promise<void>
  seal(): Promise<void>
  /** All pieces, of which one is in memory at a time. */
  pieces(): Iterable<Uint8Array>
  close(): Promise<void>
}

/** Makes spools. */
export interface OpenSpool {
  blocks(): Promise<BlockSpool>
  pieces(): Promise<PieceSpool>
}
