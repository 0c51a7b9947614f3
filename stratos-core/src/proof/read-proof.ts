import { type Cid, isCidForBytes } from '@atproto/lex-data'
import { StratosError } from '../errors.ts'
import { openCar } from './car-frames.ts'

/** Blocks that somebody sent to prove what their repos contain. Each is what its CID names. */
export interface Proof {
  /** CIDs of the commits. */
  readonly roots: readonly Cid[]
  find(cid: Cid): Uint8Array | null
}

/** Of a proof for a hundred records of the largest size, with the paths to them. */
const LIMITS = { maxBytes: 64 * 1024 * 1024, maxBlockBytes: 1024 * 1024, maxBlocks: 100_000, maxRoots: 100 }

/**
 * Reads a proof: a CAR file with commits as its roots, nodes of their trees, and records.
 *
 * @throws {StratosError} `InvalidCar` for a file that is damaged or too large, or a block that is not what its CID names
 */
export async function readProof(car: Uint8Array): Promise<Proof> {
  const { roots, frames } = await openCar(once(car), LIMITS)
  const blocks = new Map<string, Uint8Array>()
  for await (const page of frames) {
    for (const { cid, bytes } of page) {
      if (!(await isCidForBytes(cid, bytes))) {
        throw new StratosError(
          'InvalidCar',
          `a block of the proof is not what its CID ${cid.toString()} names`,
        )
      }
      blocks.set(cid.toString(), bytes)
    }
  }
  return { roots, find: (cid) => blocks.get(cid.toString()) ?? null }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
