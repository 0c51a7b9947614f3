import { join } from 'node:path'
import type { Redis } from 'ioredis'
import type { Config } from '../config/config.ts'
import { AllowListFile } from '../identity/allow-list-file.ts'
import { AllowList } from '../identity/allow-list.ts'
import type { SafeFetch } from '../identity/safe-fetch.ts'
import type { Logger } from '../logger.ts'
import type { ExternalList } from '../operations/enrollments.ts'
import { AllowListSet } from '../valkey/allow-list-set.ts'
import { KeptList } from '../valkey/kept-list.ts'

/** A list that is kept elsewhere, while it is being followed. */
export interface FollowedList extends ExternalList {
  stop(): Promise<void>
}

/** @returns null unless the mode asks for a list and one is configured */
export async function followAllowList(
  config: Pick<Config, 'enrollment' | 'storage'>,
  parts: { valkey: Redis | null; fetch: SafeFetch; logger: Logger; nowMs: () => number },
): Promise<FollowedList | null> {
  const { mode, allowedDids, allowedPdsEndpoints, allowList } = config.enrollment
  const { valkey, fetch, logger, nowMs } = parts
  if (mode !== 'allowlist') return null
  const { uri, name, refreshMs, maxStaleMs } = allowList
  const common = { refreshMs, maxStaleMs, logger, nowMs }
  let list: (FollowedList & { start(): Promise<void> }) | null = null
  if (uri !== null) {
    const path = join(config.storage.dataDir, 'allow-list.json')
    const store =
      valkey === null
        ? new AllowListFile({ path, uri, nowMs })
        : new AllowListSet({ valkey, name: name ?? DEFAULT_NAME, uri })
    list = new AllowList({ uri, fetch, store, ...common })
  } else if (valkey !== null && name !== null) list = new KeptList({ valkey, name, ...common })
  if (list === null && allowedDids.size === 0 && allowedPdsEndpoints.length === 0) {
    logger.warn(
      {
        hint: 'set STRATOS_ALLOWED_DIDS, STRATOS_ALLOWED_PDS_ENDPOINTS or STRATOS_ALLOW_LIST_URI, approve accounts one by one, or set STRATOS_ENROLLMENT_MODE=open',
      },
      'nobody can enroll: the mode is allowlist and there is no list',
    )
  }
  await list?.start()
  return list
}

const DEFAULT_NAME = 'stratos:allow-list'
