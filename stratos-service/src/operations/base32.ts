const DIGITS = 'abcdefghijklmnopqrstuvwxyz234567'

/** Base32 as CIDs have it: in lower case, without padding (RFC 4648 §6). */
export function encodeBase32(bytes: Uint8Array): string {
  let text = ''
  let bits = 0
  let rest = 0
  for (const byte of bytes) {
    rest = (rest << 8) | byte
    for (bits += 8; bits >= 5;) {
      bits -= 5
      text += DIGITS.charAt((rest >> bits) & 31)
    }
    rest &= (1 << bits) - 1
  }
  return bits === 0 ? text : text + DIGITS.charAt((rest << (5 - bits)) & 31)
}
