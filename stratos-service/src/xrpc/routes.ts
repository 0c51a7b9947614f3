import { com, zone } from 'stratos-core/lexicons'
import {
  admin,
  anyViewer,
  enrolledUser,
  keyHolder,
  open,
  ownerOrService,
  service,
  sessionHolder,
} from '../auth/guards.ts'
import type { SessionKeys } from '../auth/session-key.ts'
import type { Administration } from '../operations/administration.ts'
import type { BlobTakedowns } from '../operations/blob-takedowns.ts'
import type { BlobUrls } from '../operations/blob-urls.ts'
import type { DescribeRepo } from '../operations/describe-repo.ts'
import type { Enrollments } from '../operations/enrollments.ts'
import type { ExplainAccess } from '../operations/explain-access.ts'
import type { ExportRepo } from '../operations/export-repo.ts'
import type { ImportRepo } from '../operations/import-repo.ts'
import type { Hydrate } from '../operations/hydrate.ts'
import type { PdsJobs } from '../operations/pds-jobs.ts'
import type { ProveRecords } from '../operations/prove-records.ts'
import type { ReadRecords } from '../operations/read-records.ts'
import type { RepoHeads } from '../operations/repo-heads.ts'
import type { StreamFeeds } from '../operations/stream-feeds.ts'
import type { Takedowns } from '../operations/takedowns.ts'
import type { ReadBlobs } from '../operations/read-blobs.ts'
import type { UploadBlobs } from '../operations/upload-blobs.ts'
import type { WriteRecords } from '../operations/write-records.ts'
import { APPLY_WRITES, applyWrites } from './com/atproto/repo/applyWrites.ts'
import { createRecord } from './com/atproto/repo/createRecord.ts'
import { deleteRecord } from './com/atproto/repo/deleteRecord.ts'
import { describeRepo } from './com/atproto/repo/describeRepo.ts'
import { getRecord } from './com/atproto/repo/getRecord.ts'
import { listMissingBlobs } from './com/atproto/repo/listMissingBlobs.ts'
import { listRecords } from './com/atproto/repo/listRecords.ts'
import { putRecord } from './com/atproto/repo/putRecord.ts'
import { getLatestCommit } from './com/atproto/sync/getLatestCommit.ts'
import { getRecordProof } from './com/atproto/sync/getRecord.ts'
import { getRepoStatus } from './com/atproto/sync/getRepoStatus.ts'
import { listRepos } from './com/atproto/sync/listRepos.ts'
import { uploadBlob } from './com/atproto/repo/uploadBlob.ts'
import { getBlob } from './com/atproto/sync/getBlob.ts'
import { listBlobs } from './com/atproto/sync/listBlobs.ts'
import type { MethodTable } from './method-table.ts'
import type { HandleLookup } from './own-repo.ts'
import { addBoundary } from './zone/stratos/admin/addBoundary.ts'
import { auditLog } from './zone/stratos/admin/auditLog.ts'
import { enroll } from './zone/stratos/admin/enroll.ts'
import { explainAccess } from './zone/stratos/admin/explainAccess.ts'
import { getEnrollment } from './zone/stratos/admin/getEnrollment.ts'
import { listEnrollments } from './zone/stratos/admin/listEnrollments.ts'
import { listJobs } from './zone/stratos/admin/listJobs.ts'
import { removeBoundary } from './zone/stratos/admin/removeBoundary.ts'
import { retryJob } from './zone/stratos/admin/retryJob.ts'
import { restoreRecord } from './zone/stratos/admin/restoreRecord.ts'
import { restoreBlob } from './zone/stratos/admin/restoreBlob.ts'
import { setBoundaries } from './zone/stratos/admin/setBoundaries.ts'
import { takedownRecord } from './zone/stratos/admin/takedownRecord.ts'
import { stats } from './zone/stratos/admin/stats.ts'
import { takedownBlob } from './zone/stratos/admin/takedownBlob.ts'
import { status } from './zone/stratos/enrollment/status.ts'
import { unenroll as unenrollAs } from './zone/stratos/admin/unenroll.ts'
import { unenroll } from './zone/stratos/enrollment/unenroll.ts'
import { resolveEnrollments } from './zone/stratos/identity/resolveEnrollments.ts'
import { getRecord as getRecordFor } from './zone/stratos/repo/getRecord.ts'
import { hydrateRecord } from './zone/stratos/repo/hydrateRecord.ts'
import { hydrateRecords } from './zone/stratos/repo/hydrateRecords.ts'
import { importRepo } from './zone/stratos/repo/importRepo.ts'
import { createSession } from './zone/stratos/server/createSession.ts'
import { deleteSession } from './zone/stratos/server/deleteSession.ts'
import { listSessions } from './zone/stratos/server/listSessions.ts'
import { listDomains } from './zone/stratos/server/listDomains.ts'
import { getRepo } from './zone/stratos/sync/getRepo.ts'
import { subscribeRecords } from './zone/stratos/sync/subscribeRecords.ts'
import { subscribeRepos } from './zone/stratos/sync/subscribeRepos.ts'
import { getSignedBlob } from './zone/stratos/sync/getSignedBlob.ts'
import { signBlobs } from './zone/stratos/sync/signBlobs.ts'

export interface BlobParts {
  readonly uploads: UploadBlobs
  readonly reads: ReadBlobs
  readonly urls: BlobUrls
  readonly takedowns: BlobTakedowns
  readonly publicUrl: string
}

export interface RouteParts {
  readonly feeds: StreamFeeds
  readonly writes: WriteRecords
  readonly reads: ReadRecords
  readonly describeRepo: DescribeRepo
  readonly proofs: ProveRecords
  readonly exports: ExportRepo
  readonly heads: RepoHeads
  readonly takedowns: Takedowns
  readonly hydrate: Hydrate
  readonly imports: ImportRepo
  readonly enrollments: Enrollments
  readonly administration: Administration
  readonly explain: ExplainAccess
  readonly jobs: PdsJobs
  readonly sessions: SessionKeys
  readonly blobs: BlobParts
  readonly handles: HandleLookup
  readonly boundaries: ReadonlySet<string>
}

const BATCH_BODY = { maxJsonBytes: 2 * 1024 * 1024 }
/** What no setting exceeds; the operation has the one that counts. */
const ARCHIVE_BODY = { maxStreamBytes: 4 * 1024 ** 3 }
const RECORD_BODY = { maxJsonBytes: 256 * 1024 }

/** THE table: each method, who may call it, and what answers. Its snapshot is reviewed with every change. */
export function addRoutes(table: MethodTable, parts: RouteParts): void {
  const {
    writes,
    reads,
    hydrate,
    imports,
    enrollments,
    administration,
    explain,
    jobs,
    sessions,
    handles,
    boundaries,
  } = parts
  const { blobs } = parts
  const create = createRecord(writes, handles)
  const put = putRecord(writes, handles)
  const remove = deleteRecord(writes, handles)
  const apply = applyWrites(writes, handles)
  const get = getRecord(reads, handles)
  const list = listRecords(reads, handles)
  const describe = describeRepo(parts.describeRepo, handles)

  table.add(com.atproto.repo.createRecord, enrolledUser, create, RECORD_BODY)
  table.add(com.atproto.repo.putRecord, enrolledUser, put, RECORD_BODY)
  table.add(com.atproto.repo.deleteRecord, enrolledUser, remove)
  table.add(APPLY_WRITES, enrolledUser, apply, BATCH_BODY)
  table.add(com.atproto.repo.getRecord, anyViewer, get)
  table.add(com.atproto.repo.listRecords, anyViewer, list)
  table.add(com.atproto.repo.describeRepo, anyViewer, describe)

  // The same under names that a PDS passes on instead of serving them itself.
  table.add(zone.stratos.repo.createRecord, enrolledUser, create, RECORD_BODY)
  table.add(zone.stratos.repo.putRecord, enrolledUser, put, RECORD_BODY)
  table.add(zone.stratos.repo.deleteRecord, enrolledUser, remove)
  table.add(zone.stratos.repo.applyWrites, enrolledUser, apply, BATCH_BODY)
  table.add(zone.stratos.repo.getRecord, anyViewer, getRecordFor(get, hydrate))
  table.add(zone.stratos.repo.listRecords, anyViewer, list)
  table.add(zone.stratos.repo.describeRepo, anyViewer, describe)

  table.add(zone.stratos.repo.importRepo, enrolledUser, importRepo(imports), ARCHIVE_BODY)

  table.add(zone.stratos.repo.hydrateRecord, anyViewer, hydrateRecord(hydrate))
  table.add(zone.stratos.repo.hydrateRecords, anyViewer, hydrateRecords(hydrate), { isRead: true })

  table.add(com.atproto.sync.getRecord, anyViewer, getRecordProof(parts.proofs))
  table.add(com.atproto.sync.getLatestCommit, ownerOrService('did'), getLatestCommit(parts.heads))
  table.add(com.atproto.sync.getRepoStatus, ownerOrService('did'), getRepoStatus(parts.heads))
  table.add(com.atproto.sync.listRepos, service, listRepos(parts.heads))
  table.add(zone.stratos.sync.getRepo, ownerOrService('did'), getRepo(parts.exports))
  table.addUpload(com.atproto.repo.uploadBlob, enrolledUser, uploadBlob(blobs.uploads))
  table.addUpload(zone.stratos.repo.uploadBlob, enrolledUser, uploadBlob(blobs.uploads))
  table.add(com.atproto.repo.listMissingBlobs, enrolledUser, listMissingBlobs(blobs.reads))
  table.add(zone.stratos.repo.listMissingBlobs, enrolledUser, listMissingBlobs(blobs.reads))
  table.addBlob(com.atproto.sync.getBlob, anyViewer, getBlob(blobs.reads))
  table.add(com.atproto.sync.listBlobs, anyViewer, listBlobs(blobs.reads))
  table.add(zone.stratos.sync.signBlobs, enrolledUser, signBlobs(blobs.urls, blobs.publicUrl))
  table.addBlob(
    zone.stratos.sync.getSignedBlob,
    open('the token says for whom it was signed, and they are checked again'),
    getSignedBlob(blobs.urls),
    { isRead: false },
  )

  table.add(zone.stratos.enrollment.status, anyViewer, status(enrollments))
  table.add(zone.stratos.enrollment.unenroll, enrolledUser, unenroll(enrollments))
  table.add(zone.stratos.identity.resolveEnrollments, anyViewer, resolveEnrollments(enrollments))
  table.add(zone.stratos.server.listDomains, open('names of boundaries are public'), listDomains(boundaries))
  table.add(zone.stratos.server.createSession, keyHolder, createSession)
  table.add(zone.stratos.server.listSessions, sessionHolder, listSessions(sessions))
  table.add(zone.stratos.server.deleteSession, sessionHolder, deleteSession(sessions))

  // Without a DID, subscribeRecords is about the whole service: then nobody is its owner.
  table.subscribe(zone.stratos.sync.subscribeRecords, ownerOrService('did'), subscribeRecords(parts.feeds))
  table.subscribe(zone.stratos.sync.subscribeRepos, service, subscribeRepos(parts.feeds))

  table.add(zone.stratos.admin.listEnrollments, admin, listEnrollments(administration))
  table.add(zone.stratos.admin.getEnrollment, admin, getEnrollment(administration))
  table.add(zone.stratos.admin.addBoundary, admin, addBoundary(administration))
  table.add(zone.stratos.admin.removeBoundary, admin, removeBoundary(administration))
  table.add(zone.stratos.admin.takedownRecord, admin, takedownRecord(parts.takedowns))
  table.add(zone.stratos.admin.restoreRecord, admin, restoreRecord(parts.takedowns))
  table.add(zone.stratos.admin.setBoundaries, admin, setBoundaries(administration))
  table.add(zone.stratos.admin.enroll, admin, enroll(administration))
  table.add(zone.stratos.admin.unenroll, admin, unenrollAs(administration, enrollments))
  table.add(zone.stratos.admin.listJobs, admin, listJobs(jobs))
  table.add(zone.stratos.admin.retryJob, admin, retryJob(jobs))
  table.add(zone.stratos.admin.explainAccess, admin, explainAccess(explain))
  table.add(zone.stratos.admin.takedownBlob, admin, takedownBlob(blobs.takedowns))
  table.add(zone.stratos.admin.restoreBlob, admin, restoreBlob(blobs.takedowns))
  table.add(zone.stratos.admin.stats, admin, stats(jobs))
  table.add(zone.stratos.admin.auditLog, admin, auditLog(administration))
}
