import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { CAST, type Account } from './accounts.ts'
import { enroll, refreshAccount, setBoundaries, type EnrollmentSite } from './enrollment.ts'
import { reserveFreePorts } from './free-port.ts'
import { IndexerProcess } from './indexer-process.ts'
import { openPlace, type NetworkPlace, type PlaceOptions } from './network-place.ts'
import { startPlcAndPds, type PlcAndPds } from './plc-and-pds.ts'
import { startPostgres, type PostgresServer } from './postgres.ts'
import { formatServiceLine } from './service-log.ts'
import { BOUNDARY_NAMES, ServiceProcess } from './service-process.ts'
import { startWebServer } from './web-server.ts'
import { buildWebapp } from './webapp-build.ts'

export interface NetworkOptions extends PlaceOptions {
  /** Database of the service; default SQLite. Postgres is a server of its own in the network's directory. */
  readonly storage?: 'sqlite' | 'postgres'
  /** How actors are spread over the schemas of a Postgres database; default: a schema for each. */
  readonly layout?: 'schema' | 'shared'
  /** Serves the web app too, building it when needed; default false. */
  readonly webapp?: boolean
  /** Enrolls alice, bob and carol and gives them their boundaries; default false. */
  readonly enrolled?: boolean
  /** Starts an indexer that follows the service and has a database of the same kind; default false. */
  readonly indexer?: boolean
  /** DIDs of further services that may read for their viewers. */
  readonly appviews?: readonly string[]
  /** Settings of the service on top of the network's own. */
  readonly serviceEnv?: Readonly<Record<string, string>>
  /** Receives progress, and what the service logs from `minLogLevel` on. */
  readonly log?: (line: string) => void
  /** pino's number; default 40, warnings. */
  readonly minLogLevel?: number
  /** Ends a start that is under way. */
  readonly signal?: AbortSignal
}

/** A PLC directory, a PDS, the Stratos service and, if asked for, the web app, all on loopback. */
export interface Network extends Omit<PlcAndPds, 'ended'> {
  readonly serviceUrl: string
  readonly serviceDid: string
  /** null without the web app. */
  readonly webappUrl: string | null
  readonly adminPassword: string
  /** Connection URL of the service's database; null with SQLite. */
  readonly postgresUrl: string | null
  /** The service's settings for its database; none with SQLite. */
  readonly storageEnv: Readonly<Record<string, string>>
  /** Holds all data; its `service/service.log` is the service's log. */
  readonly directory: string
  /** alice, bob and carol. */
  readonly accounts: readonly Account[]
  /** `pid` is null while the service is stopped. */
  readonly service: { readonly pid: number | null }
  /** null if none was asked for. */
  readonly indexer: IndexerProcess | null
  /** Resolves with a message when a process ends that nobody told to. */
  readonly crashed: Promise<string>
  /** Enrolls an account through the service's and the PDS's own pages. */
  enroll(account: Account): Promise<void>
  /** Replaces a user's boundaries as an operator. Takes bare names. */
  setBoundaries(did: string, names: readonly string[]): Promise<void>
  /** Ends the service with `signal` (default SIGTERM; SIGKILL is a crash) and starts it again on the same data. */
  restartService(signal?: NodeJS.Signals): Promise<void>
  stopService(signal?: NodeJS.Signals): Promise<void>
  /** Crashes the Postgres server and starts it again. @throws {Error} with SQLite */
  restartDatabase(): Promise<void>
  /** Starts another service with a DID and data of its own, for the accounts of the same PDS. */
  startSecondService(): Promise<EnrollmentSite>
  /** Starts another instance of the service over the same Postgres database and the same keys, on a port of its own. */
  startInstance(): Promise<Instance>
  close(): Promise<void>
}

/** An instance of the service besides the first. Proofs for it name the service's own URL. */
export interface Instance {
  readonly url: string
  stop(signal?: NodeJS.Signals): Promise<void>
}

/**
 * Starts a whole network.
 *
 * @throws {Error} when a part does not come up; everything started until then is ended
 */
export async function startNetwork(options: NetworkOptions = {}): Promise<Network> {
  const place = await openPlace(options)
  const parts: (() => Promise<void>)[] = [() => place.close()]
  const close = async (): Promise<void> => {
    for (const end of parts.splice(0).reverse()) await end()
  }
  try {
    return await build(place, options, parts, close)
  } catch (err) {
    await close()
    throw err
  }
}

async function build(
  place: NetworkPlace,
  options: NetworkOptions,
  parts: (() => Promise<void>)[],
  close: () => Promise<void>,
): Promise<Network> {
  const log = options.log ?? (() => undefined)
  const step = (line: string): void => {
    options.signal?.throwIfAborted()
    log(line)
  }
  const crash = Promise.withResolvers<string>()

  step('starting PLC directory and PDS …')
  const base = await startPlcAndPds({ ports: place, directory: place.directory, log })
  let closing = false
  parts.push(async () => {
    closing = true
    await base.close()
  })
  void base.ended.then((how) => {
    if (!closing) crash.resolve(how)
  })

  const postgres = options.storage === 'postgres' ? await startDatabase() : null
  const postgresUrl = (await postgres?.createDatabase('stratos')) ?? null
  const storageEnv = postgresEnv(postgresUrl, options.layout)

  const indexer = options.indexer === true ? await buildIndexer() : null
  const appviews = [...(indexer === null ? [] : [indexer.did]), ...(options.appviews ?? [])]
  const allowed: Record<string, string> =
    appviews.length === 0 ? {} : { STRATOS_ALLOWED_APPVIEWS: appviews.join() }

  step('starting the service …')
  await place.service.release()
  const serviceOptions = {
    directory: join(place.directory, 'service'),
    plcUrl: base.plcUrl,
    pdsUrl: base.pdsUrl,
    adminPassword: place.adminPassword,
    env: { ...storageEnv, ...allowed, ...options.serviceEnv },
    onLine: (line: string) => {
      const readable = formatServiceLine(line, options.minLogLevel ?? 40)
      if (readable !== null) log(`service: ${readable}`)
    },
    onCrash: crash.resolve,
  }
  const service = new ServiceProcess({ ...serviceOptions, port: place.service.port })
  parts.push(() => service.stop())
  await service.start()

  if (indexer !== null) {
    step('starting the indexer …')
    await place.indexer.release()
    parts.push(() => indexer.stop())
  }
  // It takes a while, in which there is enough to do. Whoever fails first is told of.
  const indexing = indexer?.start() ?? Promise.resolve()
  indexing.catch(() => undefined)

  const webappUrl = options.webapp === true ? `http://127.0.0.1:${place.webapp.port}` : null
  if (webappUrl !== null) {
    step('starting the web app …')
    const directory = await buildWebapp(log)
    await place.webapp.release()
    const appview = indexer === null ? null : { did: indexer.did, url: indexer.url }
    const config = { serviceUrl: service.url, plcUrl: base.plcUrl, handleResolver: base.pdsUrl, appview }
    const server = await startWebServer(place.webapp.port, directory, config)
    parts.push(() => server.close())
  }

  const { adminPassword, directory } = place
  const site: EnrollmentSite = {
    serviceUrl: service.url,
    serviceDid: service.did,
    pdsUrl: base.pdsUrl,
    adminPassword,
  }
  const accounts: Account[] = []
  const known = new Map<string, Account>()

  const network: Network = {
    ...base,
    serviceUrl: service.url,
    serviceDid: service.did,
    webappUrl,
    adminPassword,
    postgresUrl,
    storageEnv,
    directory,
    accounts,
    service,
    indexer,
    crashed: crash.promise,
    async createAccount(handle) {
      const account = await base.createAccount(handle)
      await refreshAccount(site, account)
      known.set(account.did, account)
      return account
    },
    enroll: (account) => enroll(site, account),
    async setBoundaries(did, names) {
      const boundaries = await setBoundaries(site, did, names)
      const account = known.get(did)
      if (account !== undefined) account.boundaries = boundaries
    },
    async restartService(signal) {
      await service.stop(signal)
      await service.start()
    },
    stopService: (signal) => service.stop(signal),
    async restartDatabase() {
      if (postgres === null) throw new Error('there is no Postgres server')
      await postgres.restart()
    },
    async startSecondService() {
      const [port] = await reserveFreePorts(1)
      if (port === undefined) throw new Error('a port was asked for')
      await port.release()
      const second = new ServiceProcess({
        ...serviceOptions,
        port: port.port,
        directory: join(place.directory, 'second-service'),
        env: { ...allowed, ...options.serviceEnv },
      })
      parts.push(() => second.stop())
      await second.start()
      return { ...site, serviceUrl: second.url, serviceDid: second.did }
    },
    async startInstance() {
      const [port] = await reserveFreePorts(1)
      if (port === undefined) throw new Error('a port was asked for')
      await port.release()
      const own = { STRATOS_SERVICE_DID: service.did, STRATOS_PUBLIC_URL: service.url }
      const instance = new ServiceProcess({
        ...serviceOptions,
        port: port.port,
        env: { ...serviceOptions.env, ...own },
      })
      parts.push(() => instance.stop())
      await instance.start()
      return { url: instance.url, stop: (signal) => instance.stop(signal) }
    },
    close,
  }

  for (const { handle, boundaries } of CAST) {
    step(`creating ${handle} …`)
    const account = await network.createAccount(handle)
    accounts.push(account)
    if (options.enrolled !== true || account.enrolled) continue
    step(`enrolling ${handle} …`)
    await network.enroll(account)
    await network.setBoundaries(account.did, boundaries)
  }
  await indexing
  options.signal?.throwIfAborted()
  return network

  async function buildIndexer(): Promise<IndexerProcess> {
    return new IndexerProcess({
      port: place.indexer.port,
      directory: join(place.directory, 'indexer'),
      plcUrl: base.plcUrl,
      pdsUrl: base.pdsUrl,
      serviceUrl: `http://localhost:${place.service.port}`,
      searchBoundaries: BOUNDARY_NAMES.map((name) => `did:web:localhost%3A${place.service.port}/${name}`),
      postgresUrl: (await postgres?.createDatabase('indexer')) ?? null,
      onCrash: crash.resolve,
    })
  }

  async function startDatabase(): Promise<PostgresServer> {
    step('starting Postgres …')
    // As root, it runs under another account, which must be able to get to its directory.
    chmodSync(place.directory, 0o711)
    const postgres = await startPostgres({ directory: join(place.directory, 'postgres') })
    parts.push(() => postgres.close())
    void postgres.ended.then((how) => {
      if (!closing) crash.resolve(how)
    })
    return postgres
  }
}

function postgresEnv(url: string | null, layout: NetworkOptions['layout']): Record<string, string> {
  if (url === null) return {}
  return {
    STORAGE_BACKEND: 'postgres',
    STRATOS_POSTGRES_URL: url,
    ...(layout === undefined ? {} : { STRATOS_PG_LAYOUT: layout }),
  }
}
