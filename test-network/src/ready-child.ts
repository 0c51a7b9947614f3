import { startChild, type Child, type ChildOptions } from './child.ts'

/** A child process that tells when it is ready, and can be crashed and started again as it was. */
export interface ReadyChild {
  /** Resolves, with a sentence about how, when the process has ended, by `stop` or by itself. */
  readonly ended: Promise<string>
  /** Ends it with a signal and starts it again. */
  restart(signal: NodeJS.Signals): Promise<void>
  stop(): Promise<void>
}

/** @throws {Error} with the last lines of its output when it ends before it is ready */
export async function startReadyChild(options: Omit<ChildOptions, 'onMessage'>): Promise<ReadyChild> {
  const over = Promise.withResolvers<string>()
  let restarting: Child | null = null
  let current = await launch()
  return {
    ended: over.promise,
    restart: async (signal) => {
      restarting = current
      await restarting.stop(signal)
      current = await launch()
    },
    stop: () => current.stop(),
  }

  async function launch(): Promise<Child> {
    const ready = Promise.withResolvers<void>()
    const child = startChild({ ...options, onMessage: () => ready.resolve() })
    void child.ended.then((how) => {
      if (child !== restarting) over.resolve(how)
    })
    const failure = await Promise.race([ready.promise.then(() => null), child.ended])
    if (failure !== null) throw new Error(`${failure} before it was ready:\n${child.tail()}`)
    return child
  }
}
