/**
 * The DID document of this service. Key and endpoint appear under two names each: `#atproto` and `#stratos`, where
 * verifiers look, and the service's own fragment, which stubs and scopes refer to.
 *
 * @param service.signingKeys each a `did:key`: the present one, then former ones whose signatures still count; those are
 *   `#previous_1` and so on
 */
export function buildDidDocument(service: {
  did: string
  fragment: string
  publicUrl: string
  signingKeys: readonly string[]
}) {
  const { did, fragment, publicUrl, signingKeys } = service
  const [present = '', ...former] = signingKeys
  const methods = [
    ...['atproto', fragment].map((name) => ({ name, key: present })),
    ...former.map((key, index) => ({ name: `previous_${index + 1}`, key })),
  ]
  return {
    '@context': ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/multikey/v1'],
    id: did,
    verificationMethod: methods.map(({ name, key }) => ({
      id: `${did}#${name}`,
      type: 'Multikey',
      controller: did,
      publicKeyMultibase: key.slice('did:key:'.length),
    })),
    service: ['stratos', fragment].map((name) => ({
      id: `#${name}`,
      type: 'StratosService',
      serviceEndpoint: publicUrl,
    })),
  }
}
