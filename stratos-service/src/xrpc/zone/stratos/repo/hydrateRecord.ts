import { StratosError, type Viewer } from 'stratos-core'
import type { zone } from 'stratos-core/lexicons'
import type { Hydrate } from '../../../../operations/hydrate.ts'
import { recordNotFound } from '../../../../operations/record-not-found.ts'
import type { Handler } from '../../../method-table.ts'
import { recordAnswer } from '../../../record-answers.ts'

export const hydrateRecord =
  (hydrate: Hydrate): Handler<typeof zone.stratos.repo.hydrateRecord.main, Viewer> =>
  async ({ viewer, params }) => {
    const { records, blocked } = await hydrate.many(viewer, [params.uri], { onBehalfOf: params.viewer })
    const [record] = records
    if (blocked.length > 0) throw new StratosError('RecordBlocked', 'the viewer may not see this record')
    if (record === undefined || (params.cid !== undefined && params.cid !== record.cid))
      throw recordNotFound()
    return recordAnswer(record)
  }
