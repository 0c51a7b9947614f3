interface Asked<Item, Result> {
  readonly item: Item
  readonly resolve: (result: Result) => void
  readonly reject: (err: unknown) => void
}

/**
 * Carries out together what is asked for at the same time: one statement for many. Nothing waits as long as little is under
 * way; beyond that, what comes meanwhile goes together.
 */
export class InGroups<Item, Result> {
  readonly #atOnce: number
  readonly #maxTogether: number
  readonly #carryOut: (items: readonly Item[]) => Promise<readonly Result[]>
  #waiting: Asked<Item, Result>[] = []
  #underWay = 0
  #starting = false

  /** @param options.carryOut answers in the order of the items; if it fails, all of them have failed */
  constructor(options: {
    readonly atOnce: number
    readonly maxTogether: number
    readonly carryOut: (items: readonly Item[]) => Promise<readonly Result[]>
  }) {
    this.#atOnce = options.atOnce
    this.#maxTogether = options.maxTogether
    this.#carryOut = options.carryOut
  }

  async ask(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject })
      if (this.#starting) return
      this.#starting = true
      // Whoever else can go on now asks before.
      process.nextTick(() => {
        this.#starting = false
        while (this.#underWay < this.#atOnce && this.#waiting.length > 0) void this.#work()
      })
    })
  }

  async #work(): Promise<void> {
    this.#underWay += 1
    while (this.#waiting.length > 0) await this.#carryOutGroup(this.#waiting.splice(0, this.#maxTogether))
    this.#underWay -= 1
  }

  async #carryOutGroup(group: readonly Asked<Item, Result>[]): Promise<void> {
    try {
      const results = await this.#carryOut(group.map(({ item }) => item))
      for (const [index, { resolve, reject }] of group.entries()) {
        const result = results[index]
        if (result === undefined) reject(new Error('there is no answer for one of a group'))
        else resolve(result)
      }
    } catch (err) {
      for (const { reject } of group) reject(err)
    }
  }
}
