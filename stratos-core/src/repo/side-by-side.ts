/**
 * Work that keeps a processor or a disk busy for a part of a millisecond: alone it is done at once, which takes less time
 * than handing it to a thread; what is asked for together, in one turn of the event loop, is done by threads, so that the
 * event loop goes on meanwhile.
 */
export class SideBySide {
  #asked: { readonly here: () => void; readonly onThread: () => void }[] = []
  #onThreads = 0

  /**
   * @param here does the work before it returns
   * @param onThread has the platform do the same on a thread
   */
  async run<T>(here: () => T, onThread: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const asked = {
        here: () => {
          try {
            resolve(here())
          } catch (err) {
            reject(err)
          }
        },
        onThread: () => {
          this.#onThreads += 1
          const done = () => (this.#onThreads -= 1)
          onThread().finally(done).then(resolve, reject)
        },
      }
      if (this.#asked.push(asked) === 1) setImmediate(() => this.#start())
    })
  }

  #start(): void {
    const asked = this.#asked
    this.#asked = []
    if (asked.length === 1 && this.#onThreads === 0) asked[0]?.here()
    else for (const { onThread } of asked) onThread()
  }
}

/** All such work of the process, which has one event loop. */
export const SIDE_BY_SIDE = new SideBySide()
