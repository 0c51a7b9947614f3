import type { Did } from '../ids.ts'

/** The way from a DID to the key that signs for it. */
export interface SigningKeyResolver {
  /**
   * Finds the verification method `#atproto` in the DID document.
   *
   * Anybody can cause a `refresh` by sending a token with a bad signature, so an implementation shares one fetch among
   * concurrent calls for a DID and may answer from a document that it fetched a few seconds ago.
   *
   * @param options.refresh fetch the document even when a cached one is still fresh
   * @returns a `did:key` for P-256 or secp256k1
   * @throws {StratosError} `AuthenticationRequired` if there is no such DID, document or key
   */
  resolveSigningKey(did: Did, options?: { readonly refresh?: boolean }): Promise<string>
}
