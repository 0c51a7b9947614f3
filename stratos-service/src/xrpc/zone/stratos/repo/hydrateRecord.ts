import { StratosError, type Viewer } from 'stratos-core'
import type { zone } from 'stratos-core/lexicons'
import type { Hydrate } from '../../../../operations/hydrate.ts'
import type { Handler } from '../../../method-table.ts'

export const hydrateRecord =
  (hydrate: Hydrate): Handler<typeof zone.stratos.repo.hydrateRecord.main, Viewer> =>
  async ({ viewer, params }) => {
    const { records, blocked } = await hydrate.many(viewer, [params.uri], params.viewer)
    const [record] = records
    if (blocked.length > 0) throw new StratosError('RecordBlocked', 'the viewer may not see this record')
    if (record === undefined || (params.cid !== undefined && params.cid !== record.cid)) {
      throw new StratosError('RecordNotFound', 'there is no such record')
    }
    return record
  }
