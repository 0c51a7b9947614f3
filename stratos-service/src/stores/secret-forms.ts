import type { Kysely } from 'kysely'
import { CLEAR, SealedError, type SecretForm, type Vault } from '../config/vault.ts'
import type { ServiceTables } from './schema.ts'
import { SecretStore } from './secret-store.ts'
import { inTransaction } from './transaction.ts'

const NAME = 'forms'

/** Which forms the secrets of this storage may have: noted down before the first one is written in a new form. */
export class SecretForms {
  readonly #db: Kysely<ServiceTables>

  constructor(db: Kysely<ServiceTables>) {
    this.#db = db
  }

  /**
   * Makes sure that everything in this storage can be opened, and admits the form in which the vault writes.
   *
   * @returns all forms that may be in use
   * @throws {SealedError} if something may be sealed with a master key that is not set
   */
  async admit(vault: Vault): Promise<readonly SecretForm[]> {
    return inTransaction(this.#db, async (trx) => {
      const known = await this.#read(trx)
      const missing = known.filter((form) => !vault.canOpen(form))
      if (missing.length > 0) {
        throw new SealedError(
          `there are secrets sealed with master key ${missing.join(', ')}: set it as STRATOS_MASTER_KEY, or as STRATOS_MASTER_KEY_PREVIOUS beside a newer one`,
        )
      }
      const forms = [...new Set([...known, vault.form])]
      if (forms.length > known.length) await this.#write(trx, forms)
      return forms
    })
  }

  /** Notes down that everything has been brought into this form. */
  async settle(form: SecretForm): Promise<void> {
    await this.#write(this.#db, [form])
  }

  async #read(trx: Kysely<ServiceTables>): Promise<SecretForm[]> {
    const noted = await new SecretStore(trx).find(NAME)
    if (noted !== null) return Buffer.from(noted).toString().split(' ')
    // From before forms were noted down, or new.
    const actor = await trx.selectFrom('actor').select('id').limit(1).executeTakeFirst()
    return actor === undefined ? [] : [CLEAR]
  }

  async #write(trx: Kysely<ServiceTables>, forms: readonly SecretForm[]): Promise<void> {
    await new SecretStore(trx).put(NAME, Buffer.from(forms.join(' ')))
  }
}
