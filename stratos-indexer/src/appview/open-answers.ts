const MAX_OPEN = 16

/** Counts the answers that each account has not taken yet: each of them is in memory for as long as somebody reads it. */
export class OpenAnswers {
  readonly #open = new Map<string, number>()

  /**
   * @param ended calls its argument when the answer was taken, or nobody is there to take it
   * @returns whether there may be one more
   */
  take(asker: string, ended: (release: () => void) => void): boolean {
    const open = this.#open.get(asker) ?? 0
    if (open >= MAX_OPEN) return false
    this.#open.set(asker, open + 1)
    ended(() => this.#release(asker))
    return true
  }

  #release(asker: string): void {
    const left = (this.#open.get(asker) ?? 1) - 1
    if (left === 0) this.#open.delete(asker)
    else this.#open.set(asker, left)
  }
}
