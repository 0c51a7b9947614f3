import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { LoadProcess } from '../load/load-process.ts'
import { percentile } from '../statistics.ts'
import type { Floor, FloorSample } from './floor.ts'

/**
 * The floor of a read: one native ES256 verification with a key that is at hand, and a GET on a bare
 * `@atproto/xrpc-server` over a kept connection, asked by the same client as the service.
 */
export class HttpReadFloor implements Floor {
  readonly #load: LoadProcess
  readonly #url: string
  readonly #connections: number
  readonly #end: () => Promise<void>

  private constructor(load: LoadProcess, url: string, connections: number, end: () => Promise<void>) {
    this.#load = load
    this.#url = url
    this.#connections = connections
    this.#end = end
  }

  /** @param connections of the workload that is compared with the floor */
  static async open(load: LoadProcess, connections: number): Promise<HttpReadFloor> {
    const module = fileURLToPath(new URL('./http-read-server.ts', import.meta.url))
    const server = fork(module, { execArgv: ['--disable-warning=ExperimentalWarning'] })
    const ended = once(server, 'exit').then(() => {
      throw new Error('the server of the read floor ended')
    })
    ended.catch(() => undefined)
    const [url] = (await Promise.race([once(server, 'message'), ended])) as [string]
    return new HttpReadFloor(load, url, connections, async () => {
      if (server.exitCode !== null || server.signalCode !== null) return
      const over = once(server, 'exit')
      server.kill()
      await over
    })
  }

  async sample(seconds: number): Promise<FloorSample> {
    const alone = await this.#measure(1, seconds)
    const crowd = this.#connections === 1 ? alone : await this.#measure(this.#connections, seconds)
    return {
      p50Ms: percentile(alone.latenciesMs, 0.5),
      timeMs: crowd.elapsedMs / crowd.latenciesMs.length,
    }
  }

  async close(): Promise<void> {
    await this.#end()
  }

  async #measure(connections: number, seconds: number) {
    const target = { kind: 'floor', url: this.#url, connections } as const
    await this.#load.prepare(target, { seconds })
    return this.#load.run(target, { seconds })
  }
}
