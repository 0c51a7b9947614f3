import type { Vault } from '../config/vault.ts'
import type { SecretForms } from './secret-forms.ts'

/** One kind of secret. @returns how many were not yet in the form in which the vault writes */
export type RewrapSecrets = () => Promise<number>

/** Another instance may go on writing in an earlier form until it has the new master key, too. */
const MAX_ROUNDS = 3

/**
 * Brings every secret into the form in which the vault writes. It can be interrupted at any time and started again: what is
 * done is passed over.
 *
 * @returns how many were brought into it
 * @throws {Error} if somebody keeps writing in another form
 */
export async function rewrapAll(
  vault: Vault,
  forms: SecretForms,
  kinds: readonly RewrapSecrets[],
): Promise<number> {
  await forms.admit(vault)
  let total = 0
  for (let round = 0; round < MAX_ROUNDS; round++) {
    let found = 0
    for (const rewrap of kinds) found += await rewrap()
    total += found
    if (found > 0) continue
    await forms.settle(vault.form)
    return total
  }
  throw new Error('another instance of the service still writes with another master key; restart it first')
}
