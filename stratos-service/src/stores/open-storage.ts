import type { Config } from '../config/config.ts'
import { ActorNumbers } from './actor-numbers.ts'
import { SqlBacklogStore } from './backlog-store.ts'
import { openDataDir } from './data-dir.ts'
import { ENROLLMENT_RECORD_QUEUE, SqlEnrollmentStore } from './enrollment-store.ts'
import { SqlJobQueue } from './job-queue.ts'
import { CachedMemberships } from './memberships.ts'
import { OauthSessionStore, OauthStateStore } from './oauth-store.ts'
import { SqlReplayStore } from './replay-store.ts'
import { openServiceDatabase } from './service-database.ts'
import { SqlSessionStore } from './session-store.ts'
import { SqliteActors } from './sqlite-actors.ts'

export type Storage = Awaited<ReturnType<typeof openStorage>>

/** Opens all stores of a service in its data directory, which it then has to itself. */
export async function openStorage(settings: Config['storage'], nowMs: () => number) {
  const dataDir = await openDataDir(settings.dataDir)
  const db = await openServiceDatabase(dataDir.path)
  const numbers = new ActorNumbers(db)
  const actors = new SqliteActors({ dataDir: dataDir.path, numbers, maxOpen: settings.openActors })
  const enrollments = new SqlEnrollmentStore(db, nowMs)
  return {
    actors,
    enrollments,
    memberships: new CachedMemberships(enrollments, nowMs),
    enrollmentJobs: new SqlJobQueue(db.$pickTables<'job'>(), ENROLLMENT_RECORD_QUEUE),
    backlog: new SqlBacklogStore(db),
    sessions: new SqlSessionStore(db),
    replays: new SqlReplayStore(db, nowMs),
    oauthStates: new OauthStateStore(db, nowMs),
    oauthSessions: new OauthSessionStore(db),

    async check(): Promise<'ok' | 'failed'> {
      try {
        await db.selectFrom('enrollment').select('did').limit(1).execute()
        return 'ok'
      } catch {
        return 'failed'
      }
    },

    async close(): Promise<void> {
      await actors.close()
      await db.destroy()
      dataDir.close()
    },
  }
}
