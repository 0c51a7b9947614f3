/** CIDs of version 1 with a SHA-256: version, codec, hash function, length, hash. */
const CID_BYTES = 36

/** The contents of the blocks of an archive, which is believed. */
export function readCarBlocks(archive: Buffer): Buffer[] {
  const blocks: Buffer[] = []
  let at = 0
  const readLength = () => {
    let length = 0
    for (let shift = 1; ; shift *= 128) {
      const byte = archive[at++] ?? 0
      length += (byte & 0x7f) * shift
      if (byte < 0x80) return length
    }
  }
  const headerLength = readLength()
  at += headerLength
  while (at < archive.length) {
    const length = readLength()
    blocks.push(archive.subarray(at + CID_BYTES, at + length))
    at += length
  }
  return blocks
}
