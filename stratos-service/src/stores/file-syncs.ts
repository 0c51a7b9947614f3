import { fdatasync, fdatasyncSync } from 'node:fs'

/**
 * Brings files to the disk for all databases of the process. What is asked for in one turn of the event loop is done
 * together: a single file at once, which takes less time than handing it to a thread; several by threads side by side,
 * so that the event loop goes on while the disk works.
 */
export class FileSyncs {
  #waiting: { readonly fd: number; readonly settle: (err: unknown) => void }[] = []
  #running = 0

  /** Resolves when everything written to the file so far is on the disk. @throws {Error} what the system says */
  async sync(fd: number): Promise<void> {
    const err = await new Promise<unknown>((settle) => {
      if (this.#waiting.push({ fd, settle }) === 1) setImmediate(() => this.#start())
    })
    if (err !== null) throw err
  }

  #start(): void {
    const waiting = this.#waiting
    this.#waiting = []
    const [only] = waiting
    if (waiting.length === 1 && this.#running === 0 && only !== undefined)
      return only.settle(syncNow(only.fd))
    for (const { fd, settle } of waiting) {
      this.#running += 1
      fdatasync(fd, (err) => {
        this.#running -= 1
        settle(err)
      })
    }
  }
}

function syncNow(fd: number): unknown {
  try {
    fdatasyncSync(fd)
    return null
  } catch (err) {
    return err
  }
}
