/** The two curves of AT Protocol. */
export interface Curve {
  /** As in JWT headers and in `@atproto/crypto`. */
  readonly jwtAlg: 'ES256' | 'ES256K'
  /** As in JWKs. */
  readonly jwkName: 'P-256' | 'secp256k1'
  /** As in OpenSSL, and so in node:crypto. */
  readonly opensslName: 'prime256v1' | 'secp256k1'
  /** Number of points: the modulus of `r` and `s`. */
  readonly order: bigint
}

export const P256: Curve = {
  jwtAlg: 'ES256',
  jwkName: 'P-256',
  opensslName: 'prime256v1',
  order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
}

export const SECP256K1: Curve = {
  jwtAlg: 'ES256K',
  jwkName: 'secp256k1',
  opensslName: 'secp256k1',
  order: 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n,
}

export const CURVES: readonly Curve[] = [P256, SECP256K1]
