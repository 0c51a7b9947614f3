import { StratosError } from 'stratos-core'

const MAX_WAITING = 200

/** Lets one piece of work at a time at each key, such as a repo, in order of arrival. */
export class KeyedLock {
  readonly #queues = new Map<string, { waiting: number; tail: Promise<unknown> }>()

  /** Resolves when everything has ended that was under way or waiting at a key. */
  async settled(key: string): Promise<void> {
    await this.#queues.get(key)?.tail.catch(() => undefined)
  }

  /** @throws {StratosError} `ServiceUnavailable` if too many wait for the same key */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const queue = this.#queues.get(key) ?? { waiting: 0, tail: Promise.resolve() }
    if (queue.waiting >= MAX_WAITING)
      throw new StratosError('ServiceUnavailable', 'too many requests wait for the same repo')
    this.#queues.set(key, queue)
    queue.waiting += 1
    const turn = queue.tail.then(work, work)
    queue.tail = turn
    try {
      return await turn
    } finally {
      queue.waiting -= 1
      if (queue.waiting === 0) this.#queues.delete(key)
    }
  }
}
