const PRIME = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn
const B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn
const COORDINATE_BYTES = 32

/**
 * Computes the second coordinate of a P-256 point, which `did:key` leaves out and some browsers want.
 *
 * @param compressed 33 bytes: 2 or 3 for the parity of `y`, and `x`
 * @returns 65 bytes: 4, `x` and `y`; null if there is no such point
 */
export function uncompressP256(compressed: Uint8Array): Uint8Array<ArrayBuffer> | null {
  const sign = compressed[0]
  const x = numberOf(compressed.subarray(1))
  if (compressed.length !== 1 + COORDINATE_BYTES || (sign !== 2 && sign !== 3) || x >= PRIME) return null
  const square = modulo(x ** 3n - 3n * x + B)
  // The prime is 3 modulo 4, so that this power is a root, if there is one.
  const root = power(square, (PRIME + 1n) / 4n)
  if (modulo(root * root) !== square) return null
  const y = (root & 1n) === BigInt(sign & 1) ? root : PRIME - root
  const point = new Uint8Array(1 + 2 * COORDINATE_BYTES)
  point[0] = 4
  point.set(compressed.subarray(1), 1)
  let rest = y
  for (let index = point.length - 1; index > COORDINATE_BYTES; index -= 1) {
    point[index] = Number(rest & 0xffn)
    rest >>= 8n
  }
  return point
}

/** Reads bytes as a number, the most significant first. */
export function numberOf(bytes: Uint8Array): bigint {
  let number = 0n
  for (const byte of bytes) number = (number << 8n) | BigInt(byte)
  return number
}

function modulo(value: bigint): bigint {
  const rest = value % PRIME
  return rest < 0n ? rest + PRIME : rest
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n
  for (let [square, rest] = [base, exponent]; rest > 0n; square = modulo(square * square), rest >>= 1n) {
    if ((rest & 1n) === 1n) result = modulo(result * square)
  }
  return result
}
