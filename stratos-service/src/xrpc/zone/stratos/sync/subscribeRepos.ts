import type { zone } from 'stratos-core/lexicons'
import type { ServiceViewer } from 'stratos-core'
import type { StreamFeeds } from '../../../../operations/stream-feeds.ts'
import type { StreamHandler } from '../../../subscription.ts'

export const subscribeRepos =
  (feeds: StreamFeeds): StreamHandler<typeof zone.stratos.sync.subscribeRepos.main, ServiceViewer> =>
  ({ viewer, params: { cursor, collections = [], boundaries = [] } }) => ({
    feed: feeds.service(viewer, { collections, boundaries }),
    cursor,
    about: null,
    domain: null,
  })
