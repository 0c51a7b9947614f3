import { hash } from 'node:crypto'
import { encodeBase32 } from './base32.ts'

/** Version 1, DAG-CBOR, SHA-256 of 32 bytes. */
const CID_PREFIX = Buffer.from([0x01, 0x71, 0x12, 0x20])

/** @param cid base32 text form @returns whether the bytes are those that the CID names */
export function isNamedBy(bytes: Uint8Array, cid: string): boolean {
  return `b${encodeBase32(Buffer.concat([CID_PREFIX, hash('sha256', bytes, 'buffer')]))}` === cid
}
