import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { LoadResult, RunLimits } from './closed-loop.ts'
import type { Command, LoadTarget, OpenCommand, Reply } from './commands.ts'

/** The process that makes load, so that what the client costs burdens neither the service nor the measurement. */
export class LoadProcess {
  readonly #child: ChildProcess
  readonly #ended: Promise<never>

  constructor() {
    const module = fileURLToPath(new URL('./generator.ts', import.meta.url))
    this.#child = fork(module, {
      serialization: 'advanced',
      execArgv: ['--disable-warning=ExperimentalWarning'],
    })
    this.#ended = once(this.#child, 'exit').then(() => {
      throw new Error('the process that makes load ended')
    })
    this.#ended.catch(() => undefined)
  }

  /** Signs the users in and lets the workload write what it needs. */
  async open(command: Omit<OpenCommand, 'name'>): Promise<void> {
    await this.#call({ name: 'open', ...command })
  }

  /** Makes requests in advance; to be followed by `run` at once, for they do not keep. */
  async prepare(target: LoadTarget, limits: RunLimits): Promise<void> {
    await this.#call({ name: 'prepare', target, limits })
  }

  /** @throws {Error} if a request fails */
  async run(target: LoadTarget, limits: RunLimits): Promise<LoadResult> {
    const result = await this.#call({ name: 'run', target, limits })
    if (result === null || result.latenciesMs.length === 0) throw new Error('a run made no requests')
    return result
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    this.#child.kill()
    await this.#ended.catch(() => undefined)
  }

  async #call(command: Command): Promise<LoadResult | null> {
    const answered = once(this.#child, 'message')
    this.#child.send(command)
    const [reply] = (await Promise.race([answered, this.#ended])) as [Reply]
    if ('error' in reply) throw new Error(reply.error)
    return reply.result
  }
}
