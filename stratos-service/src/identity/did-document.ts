/**
 * The DID document of this service. Key and endpoint appear under two names each: `#atproto` and `#stratos`, where
 * verifiers look, and the service's own fragment, which stubs and scopes refer to.
 *
 * @param service.signingKey `did:key` of the service
 */
export function buildDidDocument(service: {
  did: string
  fragment: string
  publicUrl: string
  signingKey: string
}) {
  const { did, fragment, publicUrl, signingKey } = service
  const publicKeyMultibase = signingKey.slice('did:key:'.length)
  return {
    '@context': ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/multikey/v1'],
    id: did,
    verificationMethod: ['atproto', fragment].map((name) => ({
      id: `${did}#${name}`,
      type: 'Multikey',
      controller: did,
      publicKeyMultibase,
    })),
    service: ['stratos', fragment].map((name) => ({
      id: `#${name}`,
      type: 'StratosService',
      serviceEndpoint: publicUrl,
    })),
  }
}
