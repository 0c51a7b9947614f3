import type { Viewer } from 'stratos-core'
import type { zone } from 'stratos-core/lexicons'
import type { Hydrate } from '../../../../operations/hydrate.ts'
import type { getRecord as publicGetRecord } from '../../../com/atproto/repo/getRecord.ts'
import type { Handler } from '../../../method-table.ts'

/** `com.atproto.repo.getRecord`, and for allow-listed services on behalf of a viewer. */
export const getRecord =
  (
    get: ReturnType<typeof publicGetRecord>,
    hydrate: Pick<Hydrate, 'viewerFor'>,
  ): Handler<typeof zone.stratos.repo.getRecord.main, Viewer> =>
  async ({ viewer: caller, params, ...rest }) => {
    const viewer = params.viewer === undefined ? caller : await hydrate.viewerFor(caller, params.viewer)
    return get({ viewer, params, ...rest })
  }
