/** Identifiers that may be used once: what makes a signed request good for one request only. */
export interface ReplayStore {
  /**
   * Takes an identifier. Atomic: of any number of concurrent calls with one key, on any number of instances, exactly one
   * gets `true`. The key is kept as a hash, so its length does not matter and its text cannot be read back.
   *
   * A store that cannot remember must throw; answering `true` would let a request be repeated.
   *
   * @param key names the identifier and whoever issued it
   * @param expiresAtMs until when the key is remembered; afterwards either answer is allowed
   */
  use(key: string, expiresAtMs: number): Promise<boolean>
}
