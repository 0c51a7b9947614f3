import type { zone } from 'stratos-core/lexicons'
import { parseDid, type ServiceViewer, type UserViewer } from 'stratos-core'
import type { StreamFeeds } from '../../../../operations/stream-feeds.ts'
import type { StreamHandler } from '../../../subscription.ts'

export const subscribeRecords =
  (
    feeds: StreamFeeds,
  ): StreamHandler<typeof zone.stratos.sync.subscribeRecords.main, UserViewer | ServiceViewer> =>
  ({ viewer, params }) => {
    const { cursor, domain = null } = params
    if (params.did === undefined) return { feed: feeds.enrollments(), cursor, about: null, domain: null }
    const did = parseDid(params.did)
    return { feed: feeds.repo(viewer, did, domain), cursor, about: did, domain }
  }
