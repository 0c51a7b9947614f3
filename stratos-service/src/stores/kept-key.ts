import { formOf, type Vault } from '../config/vault.ts'
import { loadOrCreateSecret, readSecret, replaceSecret } from '../config/secrets.ts'
import type { SecretStore } from './secret-store.ts'

/** A private key of the service itself, sealed if there is a master key. */
export interface KeptKey {
  loadOrCreate(make: () => Uint8Array): Promise<Uint8Array>
  replace(key: Uint8Array): Promise<void>
  /** Brings the key into the form in which the vault writes. @returns whether it had another */
  rewrap(): Promise<boolean>
}

/** A file beside the databases. */
export class KeyFile implements KeptKey {
  readonly #path: string
  readonly #name: string
  readonly #vault: Vault

  /** @param name what it is called where it is sealed */
  constructor(path: string, name: string, vault: Vault) {
    this.#path = path
    this.#name = name
    this.#vault = vault
  }

  async loadOrCreate(make: () => Uint8Array): Promise<Uint8Array> {
    const kept = await loadOrCreateSecret(this.#path, async () => this.#vault.seal(make(), this.#name))
    return this.#vault.open(kept, this.#name)
  }

  async replace(key: Uint8Array): Promise<void> {
    await replaceSecret(this.#path, this.#vault.seal(key, this.#name))
  }

  async rewrap(): Promise<boolean> {
    const kept = await readSecret(this.#path)
    if (kept === null || formOf(kept) === this.#vault.form) return false
    await this.replace(this.#vault.open(kept, this.#name))
    return true
  }
}

/** A row, so that all instances have the same key. */
export class KeyRow implements KeptKey {
  readonly #secrets: SecretStore
  readonly #name: string
  readonly #vault: Vault
  readonly #file: string

  /** @param file from where the key is taken over if there is no row yet */
  constructor(secrets: SecretStore, name: string, vault: Vault, file: string) {
    this.#secrets = secrets
    this.#name = name
    this.#vault = vault
    this.#file = file
  }

  async loadOrCreate(make: () => Uint8Array): Promise<Uint8Array> {
    const inFile = await readSecret(this.#file)
    const first = inFile === null ? make : () => this.#vault.open(inFile, this.#name)
    const kept = await this.#secrets.getOrCreate(this.#name, () => this.#vault.seal(first(), this.#name))
    return this.#vault.open(kept, this.#name)
  }

  async replace(key: Uint8Array): Promise<void> {
    await this.#secrets.put(this.#name, this.#vault.seal(key, this.#name))
  }

  async rewrap(): Promise<boolean> {
    const kept = await this.#secrets.find(this.#name)
    if (kept === null || formOf(kept) === this.#vault.form) return false
    await this.replace(this.#vault.open(kept, this.#name))
    return true
  }
}
