import { createWriteStream, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { startChild, type Child } from './child.ts'
import { answersOk, waitUntil } from './wait-until.ts'

/** Names of the boundaries the service of a test network knows. */
export const BOUNDARY_NAMES = ['general', 'writers', 'other'] as const

export interface ServiceOptions {
  readonly port: number
  /** Holds its data and its log. */
  readonly directory: string
  readonly plcUrl: string
  readonly pdsUrl: string
  readonly adminPassword: string
  /** More settings, or others than the network's own. */
  readonly env: Readonly<Record<string, string>>
  readonly onLine: (line: string) => void
  /** Called when it ends without having been told to, with a sentence about how. */
  readonly onCrash: (message: string) => void
}

const READY_MS = 60_000

/** The Stratos service in a process of its own, which can be stopped, killed and started again on its port. */
export class ServiceProcess {
  readonly url: string
  readonly did: string
  private readonly options: ServiceOptions
  private child: Child | null = null

  constructor(options: ServiceOptions) {
    this.options = options
    this.url = `http://localhost:${options.port}`
    this.did = options.env['STRATOS_SERVICE_DID'] ?? `did:web:localhost%3A${options.port}`
  }

  /** @returns null while it is not running */
  get pid(): number | null {
    return this.child?.pid ?? null
  }

  /**
   * Starts it and waits until it is ready.
   *
   * @throws {Error} with its last lines of output when it ends or is not ready within a minute
   */
  async start(): Promise<void> {
    if (this.child !== null) throw new Error('the service is running already')
    mkdirSync(this.options.directory, { recursive: true, mode: 0o700 })
    let ready = false
    const log = createWriteStream(join(this.options.directory, 'service.log'), { flags: 'a', mode: 0o600 })
    const child = startChild({
      name: 'the service',
      module: new URL('../../stratos-service/src/main.ts', import.meta.url),
      // As in the container image.
      nodeFlags: [
        '--max-semi-space-size=8',
        '--heap-growing-percent=30',
        '--no-concurrent-array-buffer-sweeping',
      ],
      env: { ...inheritedEnv(), ...this.settings() },
      onLine: (line) => {
        log.write(`${line}\n`)
        // Until it is ready, what it says is part of the error.
        if (ready) this.options.onLine(line)
      },
    })
    this.child = child
    const ended = child.ended.finally(() => log.end())
    try {
      await waitUntil(
        'starting the service',
        () => {
          if (child.hasEnded()) throw new Error('the service ended before it was ready')
          return answersOk(`${this.url}/ready`)
        },
        READY_MS,
      )
    } catch (err) {
      await this.stop('SIGKILL')
      throw new Error(`the service did not start; its last output:\n${child.tail()}`, { cause: err })
    }
    ready = true
    void ended.then((how) => {
      if (this.child !== child) return
      this.child = null
      this.options.onCrash(`${how} by itself`)
    })
  }

  /** Ends it if it runs: `SIGTERM` lets it finish what it is doing, `SIGKILL` is a crash. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.child
    this.child = null
    await child?.stop(signal)
  }

  private settings(): Record<string, string> {
    const { port, directory, plcUrl, pdsUrl, adminPassword, env } = this.options
    return {
      STRATOS_SERVICE_DID: this.did,
      STRATOS_PUBLIC_URL: this.url,
      STRATOS_HOST: '127.0.0.1',
      STRATOS_PORT: String(port),
      STRATOS_DATA_DIR: join(directory, 'data'),
      STRATOS_ALLOWED_DOMAINS: BOUNDARY_NAMES.join(','),
      STRATOS_AUTO_ENROLL_DOMAINS: 'general',
      STRATOS_ENROLLMENT_MODE: 'open',
      STRATOS_PLC_URL: plcUrl,
      STRATOS_HANDLE_RESOLVER_URL: pdsUrl,
      STRATOS_ALLOW_PRIVATE_ADDRESSES: 'true',
      STRATOS_ADMIN_PASSWORD: adminPassword,
      // Everybody on a local network has one address.
      STRATOS_AUTHORIZE_PER_MINUTE: '10000',
      STRATOS_HANDLE_LOOKUPS_PER_MINUTE: '10000',
      STRATOS_READS_PER_MINUTE: '1000000',
      STRATOS_ANONYMOUS_READS_PER_MINUTE: '1000000',
      STRATOS_SERVICE_READS_PER_MINUTE: '1000000',
      STRATOS_LOG_LEVEL: 'info',
      ...env,
    }
  }
}

/** The caller's environment without settings meant for another service. */
export function inheritedEnv(): NodeJS.ProcessEnv {
  const foreign = (name: string): boolean =>
    name.startsWith('STRATOS_') || name === 'STORAGE_BACKEND' || name === 'LOG_LEVEL'
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign(name)))
}
