import { createWriteStream, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { startChild, type Child } from './child.ts'
import { inheritedEnv } from './service-process.ts'
import { answersOk, waitUntil } from './wait-until.ts'

export interface IndexerOptions {
  readonly port: number
  /** Holds its database, its key and its log. */
  readonly directory: string
  readonly plcUrl: string
  readonly pdsUrl: string
  /** Address of the service. */
  readonly serviceUrl: string
  /** Boundaries whose posts can be searched, fully qualified. */
  readonly searchBoundaries: readonly string[]
  /** Connection URL; null for SQLite. */
  readonly postgresUrl: string | null
  /** Called when it ends without having been told to, with a sentence about how. */
  readonly onCrash: (message: string) => void
}

const READY_MS = 60_000

/** An indexer in a process of its own, which can be stopped, killed and started again on its port. */
export class IndexerProcess {
  readonly url: string
  readonly did: string
  /** Its settings, for who opens its database beside it. */
  readonly database:
    | { readonly kind: 'sqlite'; readonly file: string }
    | { readonly kind: 'postgres'; readonly url: string; readonly schema: string; readonly poolSize: number }
  private readonly options: IndexerOptions
  private child: Child | null = null
  private services: readonly string[]
  private more: Readonly<Record<string, string>> = {}

  constructor(options: IndexerOptions) {
    const { port, directory, postgresUrl } = options
    this.options = options
    this.services = [options.serviceUrl]
    this.url = `http://localhost:${port}`
    this.did = `did:web:localhost%3A${port}`
    this.database =
      postgresUrl === null
        ? { kind: 'sqlite', file: join(directory, 'index.sqlite') }
        : { kind: 'postgres', url: postgresUrl, schema: 'bsky', poolSize: 4 }
  }

  /**
   * Starts it and waits until it follows the service.
   *
   * @throws {Error} with its last lines of output when it ends or is not ready within a minute
   */
  async start(): Promise<void> {
    if (this.child !== null) throw new Error('the indexer is running already')
    mkdirSync(this.options.directory, { recursive: true, mode: 0o700 })
    const log = createWriteStream(join(this.options.directory, 'indexer.log'), { flags: 'a', mode: 0o600 })
    const child = startChild({
      name: 'the indexer',
      module: new URL('../../stratos-indexer/src/main.ts', import.meta.url),
      env: { ...inheritedEnv(), ...this.settings() },
      onLine: (line) => log.write(`${line}\n`),
    })
    this.child = child
    void child.ended.then((how) => {
      log.end()
      if (this.child !== child) return
      this.child = null
      this.options.onCrash(`${how} by itself`)
    })
    try {
      await this.ready(child)
    } catch (err) {
      await this.stop('SIGKILL')
      throw new Error(`the indexer did not start; its last output:\n${child.tail()}`, { cause: err })
    }
  }

  /** Lets it follow these services from its next start on. */
  follow(serviceUrls: readonly string[]): void {
    this.services = serviceUrls
  }

  /** Gives it these settings on top of its own from its next start on. */
  configure(settings: Readonly<Record<string, string>>): void {
    this.more = settings
  }

  /** Ends it if it runs. `SIGKILL` is a crash. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.child
    this.child = null
    await child?.stop(signal)
  }

  private async ready(child: Child): Promise<void> {
    await waitUntil(
      'starting the indexer',
      () => {
        if (child.hasEnded()) throw new Error('the indexer ended before it was ready')
        return answersOk(`${this.url}/ready`)
      },
      READY_MS,
    )
  }

  private settings(): Record<string, string> {
    const { port, directory, plcUrl, pdsUrl, postgresUrl, searchBoundaries } = this.options
    return {
      STRATOS_INDEXER_DID: this.did,
      STRATOS_INDEXER_HOST: '127.0.0.1',
      HEALTH_PORT: String(port),
      STRATOS_INDEXER_KEY_FILE: join(directory, 'indexer.key'),
      ...(postgresUrl === null
        ? { STRATOS_INDEXER_SQLITE_FILE: join(directory, 'index.sqlite') }
        : { BSKY_DB_POSTGRES_URL: postgresUrl }),
      STRATOS_SERVICE_URL: this.services.join(','),
      BSKY_REPO_PROVIDER: pdsUrl,
      STRATOS_HANDLE_RESOLVER_URL: pdsUrl,
      STRATOS_INDEXER_API: 'true',
      STRATOS_INDEXER_API_REQUESTS_PER_MINUTE: '1000000',
      STRATOS_INDEXER_SEARCH_BOUNDARIES: searchBoundaries.join(','),
      BSKY_DID_PLC_URL: plcUrl,
      STRATOS_ALLOW_PRIVATE_ADDRESSES: 'true',
      ACTOR_SYNC_RECONNECT_BASE_DELAY_MS: '50',
      ACTOR_SYNC_RECONNECT_MAX_DELAY_MS: '500',
      ACTOR_SYNC_RECONNECT_JITTER_MS: '20',
      LOG_LEVEL: 'info',
      ...this.more,
    }
  }
}
