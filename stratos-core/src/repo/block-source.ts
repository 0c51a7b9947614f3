/** Where the blocks of a repo are read from; the storage port's `RepoStore` is one. */
export interface BlockSource {
  /** @param cid base32 text form */
  findBlock(cid: string): Promise<Uint8Array | null>
}
