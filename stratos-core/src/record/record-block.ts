import { encode } from '@atproto/lex-cbor'
import { type Cid, type LexMap, cidForCbor } from '@atproto/lex-data'
import { StratosError } from '../errors.ts'
import { decodeCanonical } from './canonical-cbor.ts'
import { assertDataModel } from './data-model.ts'

/** Largest encoded record. */
export const MAX_RECORD_BYTES = 256 * 1024

/** A record as it is stored and signed: the exact bytes and the CID that names them. */
export interface RecordBlock {
  readonly cid: Cid
  /** Canonical DAG-CBOR of the record, `$type` included. */
  readonly bytes: Uint8Array
}

/**
 * Encodes a record and names it.
 *
 * @throws {StratosError} `InvalidRecord` if the value has no exact encoding (see `assertDataModel`) or is larger than
 *   256 KiB
 */
export async function encodeRecord(value: LexMap): Promise<RecordBlock> {
  assertDataModel(value)
  const bytes = encode(value)
  assertSize(bytes)
  // What cannot be read back must never be signed.
  decodeStrictly(bytes)
  return { cid: await cidForCbor(bytes), bytes }
}

/**
 * Decodes a record, and accepts only the bytes that `encodeRecord` would make of it. Does not check that a CID names
 * them.
 *
 * @throws {StratosError} `InvalidRecord`
 */
export function decodeRecord(bytes: Uint8Array): LexMap {
  assertSize(bytes)
  const value = decodeStrictly(bytes)
  assertDataModel(value)
  return value
}

function assertSize(bytes: Uint8Array): void {
  if (bytes.byteLength > MAX_RECORD_BYTES) {
    throw new StratosError('InvalidRecord', `a record may have at most ${MAX_RECORD_BYTES} bytes`)
  }
}

function decodeStrictly(bytes: Uint8Array): unknown {
  try {
    return decodeCanonical(bytes)
  } catch (err) {
    throw new StratosError('InvalidRecord', 'the record is not canonical DAG-CBOR', { cause: err })
  }
}
