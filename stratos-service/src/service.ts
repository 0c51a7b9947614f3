import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseNsid, type Did } from 'stratos-core'
import { AccessChanges } from './auth/access-changes.ts'
import { createAuthenticator } from './auth/create-authenticator.ts'
import { followAllowList } from './composition/allow-list.ts'
import { buildOutbound } from './composition/outbound.ts'
import { buildOauthClient, buildOauthRoutes } from './composition/sign-in.ts'
import { clientAddress } from './client-address.ts'
import { composeImporting } from './composition/importing.ts'
import { composeBlobs } from './composition/blobs.ts'
import { buildEnrollment } from './composition/enrollment.ts'
import { composeReading } from './composition/reading.ts'
import { composeStreaming } from './composition/streaming.ts'
import { loadServiceKey, reportSecretForms } from './composition/service-key.ts'
import { buildWriteRate } from './composition/write-rate.ts'
import { composeWrites, stubSettingsOf } from './composition/writes.ts'
import type { Config } from './config/config.ts'
import { createHttpApp } from './http.ts'
import { closeStalled } from './stalled-connections.ts'
import { buildDidDocument } from './identity/did-document.ts'
import { KeyedLock } from './limits/keyed-lock.ts'
import { MarkedActors } from './limits/marked-actors.ts'
import { ReadRates } from './limits/read-rates.ts'
import type { Logger } from './logger.ts'
import { Administration } from './operations/administration.ts'
import { ExplainAccess } from './operations/explain-access.ts'
import { Members } from './operations/members.ts'
import { PdsJobs } from './operations/pds-jobs.ts'
import { StreamFeeds } from './operations/stream-feeds.ts'
import { VisibleReferences } from './operations/visible-references.ts'
import { PdsAccounts } from './pds/pds-accounts.ts'
import { StubWriter } from './pds/stub-writer.ts'
import { DiskHealth } from './stores/disk-health.ts'
import { openStorage } from './stores/open-storage.ts'
import { connectValkey } from './valkey/connection.ts'
import { VERSION } from './version.ts'
import { addRoutes } from './xrpc/routes.ts'
import { MethodTable } from './xrpc/method-table.ts'

const POST_COLLECTION = parseNsid('zone.stratos.feed.post')

/** How long requests under way may take once the service is told to stop. */
const STOP_WITHIN_MS = 5_000

/** How long a body may take on its way, and an archive or a blob over a slow line. */
const BODY_WITHIN_MS = 120_000
const LARGE_BODY_WITHIN_MS = 4 * 60 * 60_000

/** A service that listens. */
export interface RunningService {
  /** The port in use, also when the configuration asked for any free one. */
  readonly port: number
  /** Stops taking requests, lets those under way end, and closes everything. */
  close(): Promise<void>
}

/**
 * The composition root: builds every part from the configuration and connects them. Nothing else builds anything.
 *
 * @param options.background false leaves work that waits to others
 */
export async function startService(
  config: Config,
  logger: Logger,
  { background = true }: { readonly background?: boolean } = {},
): Promise<RunningService> {
  const nowMs = Date.now
  const { service } = config
  const storage = await openStorage(config.storage, nowMs, logger)
  reportSecretForms(storage, service.loopback, logger)
  const { serviceKey, published } = await loadServiceKey(config, storage, logger)

  const { documents, handles, issuers, fetchForUsers, fetchList } = buildOutbound(config, nowMs)

  const exactExtras = config.access.extraCollections.filter((entry) => !entry.endsWith('.*')).map(parseNsid)
  const stubCollections = new Set([POST_COLLECTION, ...exactExtras])
  const oauth = await buildOauthClient(config, storage, { fetch: fetchForUsers, stubCollections })
  const pds = new PdsAccounts(oauth.client, storage.oauthSessions)
  const { actors, backlog, memberships } = storage
  const stubs = new StubWriter({
    actors,
    marks: new MarkedActors(backlog, nowMs),
    leases: config.storage.backend === 'sqlite' ? null : storage.stubLeases,
    enrollments: storage.enrollments,
    pds,
    service: `${service.did}#${service.fragment}`,
    logger,
    nowMs,
  })

  const valkey = config.valkeyUrl === null ? null : await connectValkey(config.valkeyUrl, logger)
  const writeRate = buildWriteRate(config, storage, { valkey, nowMs })
  const externalList = background
    ? await followAllowList(config, { valkey, fetch: fetchList, logger, nowMs })
    : null
  const recordPolicy = {
    serviceDid: service.did,
    serviceBoundaries: service.boundaries,
    extraCollections: config.access.extraCollections,
  }
  const references = new VisibleReferences({ actors, serviceBoundaries: service.boundaries })
  const lock = new KeyedLock()
  const members = new Members(memberships)
  const changing = { actors, policy: recordPolicy, references, lock, members, nowMs }
  const stubSettings = stubSettingsOf(config.stubs, stubs, stubCollections)
  const blobs = composeBlobs(config, { storage, rate: writeRate, logger, nowMs })
  const writes = composeWrites(config, {
    ...changing,
    rate: writeRate,
    stubs: stubSettings,
    blobs: blobs.keeper,
  })
  const imports = composeImporting({
    ...changing,
    stubs: stubSettings,
    dataDir: config.storage.dataDir,
    maxBytes: config.imports.maxBytes,
    documents,
    fetch: fetchForUsers,
  })
  const reading = composeReading({
    storage,
    serviceBoundaries: service.boundaries,
    documents,
    handles,
    logger,
  })

  const accessChanges = new AccessChanges()
  const { authenticator, sessions } = createAuthenticator(
    {
      ...config.access,
      serviceDid: service.did,
      fragments: ['stratos', service.fragment],
      origin: service.publicUrl,
    },
    {
      keys: documents,
      issuers,
      sessions: storage.sessions,
      replays: storage.replays,
      memberships,
      nonceSecret: storage.nonceSecret,
      sessionsEnded: (change) => accessChanges.raise(change),
      nowMs,
    },
  )
  const { enrollments, publisher, lifeCycles, orphans } = buildEnrollment(config, {
    storage,
    oauth: oauth.client,
    pds,
    stubs,
    stubCollections,
    writeRate,
    sessions,
    serviceKey,
    destroyBlobs: (did) => blobs.keeper.destroyBlobs(did),
    externalList,
    logger,
    nowMs,
  })
  const administration = new Administration({
    enrollments: storage.enrollments,
    approvals: storage.approvals,
    audit: storage.audit,
    serviceBoundaries: service.boundaries,
    changed: async (did) => {
      memberships.forget(did)
      void publisher.publish(did)
      await lock.settled(did)
    },
  })
  const explain = new ExplainAccess({
    actors,
    enrollments: storage.enrollments,
    services: config.access.appviews,
    serviceBoundaries: service.boundaries,
  })
  const jobs = new PdsJobs({
    actors,
    enrollments: storage.enrollments,
    records: storage.enrollmentJobs,
    backlog,
    audit: storage.audit,
    workers: {
      markStubs: (did) => stubs.mark(did),
      wakeStubs: (did) => stubs.wake(did),
      wakeRecord: (did) => void publisher.publish(did),
    },
    nowMs,
  })
  const addressOf = (req: Parameters<typeof clientAddress>[0]) =>
    clientAddress(req, config.server.trustedProxies)
  const methods = new MethodTable({
    auth: authenticator,
    reads: new ReadRates(config.limits.reads, nowMs),
    addressOf,
    logger,
  })
  addRoutes(methods, {
    writes,
    ...reading,
    feeds: new StreamFeeds({ actors, feeds: storage.feeds, records: reading.reads }),
    imports,
    enrollments,
    administration,
    explain,
    jobs,
    sessions,
    blobs: blobs.routes,
    handles,
    boundaries: service.boundaries,
  })

  const disk = new DiskHealth({ directory: config.storage.dataDir, minFreeBytes: config.minFreeBytes, nowMs })
  const { endpoint, streams, retention } = composeStreaming({
    config,
    storage,
    auth: authenticator,
    sessions,
    accessChanges,
    routes: methods.subscriptions,
    addressOf,
    nowMs,
    logger,
  })
  const app = createHttpApp({
    didDocument: buildDidDocument({ ...service, signingKeys: published }),
    clientMetadata: oauth.metadata,
    checkHealth: async () => {
      const [db, diskState, blobstore] = await Promise.all([storage.check(), disk.check(), blobs.check()])
      return { db, disk: diskState, blobstore }
    },
    version: VERSION,
    secure: service.secure,
    oauth: buildOauthRoutes(config, {
      oauth,
      storage,
      auth: authenticator,
      addressOf,
      enrollments,
      enroll: async (did: Did) => enrollments.enroll(did, await documents.findPds(did)),
      needsSession: async (did: Did) =>
        (await storage.enrollments.find(did)) !== null || (await lifeCycles.isLeaving(did)),
      unenroll: async (did: Did) => void (await enrollments.unenroll(did, { by: 'self' })),
      nowMs,
      logger,
    }),
    xrpc: methods.server.router,
    streams: endpoint.handler,
    logger,
  })
  const server = createServer(
    // How long a whole request may take depends on what it is: see `closeStalled`.
    { maxHeaderSize: 16 * 1024, headersTimeout: 10_000, requestTimeout: 0 },
    app,
  )
  server.maxHeadersCount = 100
  closeStalled(server, {
    idleMs: config.limits.idleMs,
    bodyMs: (path) => (methods.largeBodies.has(path) ? LARGE_BODY_WITHIN_MS : BODY_WITHIN_MS),
  })
  if (background) await lifeCycles.resume()
  server.on('upgrade', (req, socket, head) => endpoint.upgrade(req, socket, head))
  if (background) await blobs.keeper.start()
  await listen(server, config.server)
  if (background) {
    retention?.start()
    await publisher.start()
    lifeCycles.start()
    orphans.start()
    if (config.stubs.mode !== 'off') await stubs.start()
  }
  const { port } = server.address() as AddressInfo
  logger.info({ port, did: service.did, url: service.publicUrl, version: VERSION }, 'listening')

  return {
    port,
    close: async () => {
      streams.close()
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeIdleConnections()
      const impatience = setTimeout(() => server.closeAllConnections(), STOP_WITHIN_MS)
      await closed
      clearTimeout(impatience)
      const working = [stubs, publisher, lifeCycles, orphans, retention, externalList, blobs.keeper]
      await Promise.all(working.map((part) => part?.stop()))
      valkey?.disconnect()
      await storage.close()
    },
  }
}

async function listen(server: Server, { host, port }: { host: string; port: number }): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
