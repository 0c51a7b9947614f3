/**
 * ECDSA over SHA-256 by the platform, with signatures of 64 bytes, `r` and `s`, as JWS and AT Protocol have them. Asking
 * the platform itself for this form takes longer than converting its own form, ASN.1: about half of the time of a signature,
 * and a third of that of a verification.
 */
import { type KeyObject, sign, verify } from 'node:crypto'
import { promisify } from 'node:util'
import { SCALAR_BYTES, SIGNATURE_BYTES } from './low-s.ts'
import { SIDE_BY_SIDE } from './side-by-side.ts'

const signOnThread = promisify<string, Uint8Array, KeyObject, Buffer>(sign)
const verifyOnThread = promisify<string, Uint8Array, KeyObject, Uint8Array, boolean>(verify)

const SEQUENCE = 0x30
const INTEGER = 0x02
const SIGN_BIT = 0x80

/** @param key a private key of P-256 or secp256k1 */
export async function signEcdsa(key: KeyObject, bytes: Uint8Array): Promise<Uint8Array> {
  const der = await SIDE_BY_SIDE.run(
    () => sign('sha256', bytes, key),
    () => signOnThread('sha256', bytes, key),
  )
  return compactOf(der)
}

/**
 * Says whether a signature of 64 bytes holds, be it the one with the lower `s` or its twin. One of another length does
 * not.
 *
 * @param key a public key of P-256 or secp256k1
 */
export function verifyEcdsa(key: KeyObject, bytes: Uint8Array, signature: Uint8Array): boolean {
  return signature.byteLength === SIGNATURE_BYTES && verify('sha256', bytes, key, derOf(signature))
}

/** As `verifyEcdsa`, for where many may ask at a time. */
export async function verifyEcdsaSideBySide(
  key: KeyObject,
  bytes: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  if (signature.byteLength !== SIGNATURE_BYTES) return false
  const der = derOf(signature)
  return SIDE_BY_SIDE.run(
    () => verify('sha256', bytes, key, der),
    () => verifyOnThread('sha256', bytes, key, der),
  )
}

/** @param der what the platform made, and so well-formed */
function compactOf(der: Uint8Array): Uint8Array {
  const compact = new Uint8Array(SIGNATURE_BYTES)
  // Tag and length of the sequence come first; a signature of this size never needs a longer form of length.
  let at = 2
  for (const end of [SCALAR_BYTES, SIGNATURE_BYTES]) {
    const length = der[at + 1] ?? 0
    const scalar = der.subarray(at + 2, at + 2 + length)
    // A leading zero keeps a number positive and is no part of it.
    const digits = scalar.subarray(Math.max(0, length - SCALAR_BYTES))
    compact.set(digits, end - digits.byteLength)
    at += 2 + length
  }
  return compact
}

function derOf(compact: Uint8Array): Uint8Array {
  const r = integerOf(compact, 0)
  const s = integerOf(compact, SCALAR_BYTES)
  return Uint8Array.from([SEQUENCE, r.length + s.length, ...r, ...s])
}

/** The shortest form of a positive number: no zeros in front, but one where the first bit would be taken for a sign. */
function integerOf(compact: Uint8Array, start: number): number[] {
  const end = start + SCALAR_BYTES
  let first = start
  while (first < end - 1 && compact[first] === 0) first += 1
  const digits = [...compact.subarray(first, end)]
  if ((compact[first] ?? 0) >= SIGN_BIT) digits.unshift(0)
  return [INTEGER, digits.length, ...digits]
}
