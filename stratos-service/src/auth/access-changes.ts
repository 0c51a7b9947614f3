import type { Did } from 'stratos-core'

/** Somebody's membership has changed, or all their sessions have ended; or one session has. */
export type AccessChange = { readonly did: Did } | { readonly jkt: string }

/** Spreads the news that somebody may do less, or more, than a moment ago. To be raised when that is durable. */
export class AccessChanges {
  readonly #listeners: ((change: AccessChange) => void)[] = []

  onChange(listener: (change: AccessChange) => void): void {
    this.#listeners.push(listener)
  }

  raise(change: AccessChange): void {
    for (const listener of this.#listeners) listener(change)
  }
}
