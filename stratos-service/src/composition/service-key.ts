import { createSecp256k1Keypair, importSecp256k1Keypair, type NativeKeypair } from 'stratos-core/repo'
import type { Config } from '../config/config.ts'
import { CLEAR } from '../config/vault.ts'
import type { Logger } from '../logger.ts'
import type { Storage } from '../stores/open-storage.ts'

/**
 * The key that signs attestations: the configured one, or one that is made on first use and kept. If it is another one than
 * before, everybody's attestation is renewed.
 *
 * @returns `published`: public keys for the DID document, the present one first
 */
export async function loadServiceKey(
  config: Pick<Config, 'signingKey'>,
  storage: Pick<Storage, 'serviceKey' | 'serviceKeys'>,
  logger: Logger,
): Promise<{ serviceKey: NativeKeypair; published: readonly string[] }> {
  const raw =
    config.signingKey ?? (await storage.serviceKey.loadOrCreate(() => createSecp256k1Keypair().export()))
  const serviceKey = importSecp256k1Keypair(raw)
  const { published, isNew } = await storage.serviceKeys.adopt(serviceKey.did())
  if (isNew)
    logger.warn({ key: serviceKey.did() }, 'the service has another key; everybody is attested to anew')
  return { serviceKey, published }
}

/** Says once, at the start, what a thief of the disk would find. */
export function reportSecretForms(
  { vault, secretForms }: Pick<Storage, 'vault' | 'secretForms'>,
  loopback: boolean,
  logger: Logger,
): void {
  if (vault.form === CLEAR) {
    const text = 'STRATOS_MASTER_KEY is not set: private keys and tokens are kept in clear'
    // On one machine, for trying things out, that is as it should be.
    if (loopback) logger.info(text)
    else logger.warn(text)
  } else if (secretForms.length > 1) {
    const others = secretForms.filter((form) => form !== vault.form)
    logger.warn(
      { forms: others },
      'some private keys and tokens may not be sealed with STRATOS_MASTER_KEY yet: run `stratos keys rewrap`',
    )
  }
}
