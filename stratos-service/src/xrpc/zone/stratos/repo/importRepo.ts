import { parseDid, type UserViewer } from 'stratos-core'
import type { zone } from 'stratos-core/lexicons'
import type { ImportRepo } from '../../../../operations/import-repo.ts'
import type { Handler } from '../../../method-table.ts'

export const importRepo =
  (imports: Pick<ImportRepo, 'import'>): Handler<typeof zone.stratos.repo.importRepo.main, UserViewer> =>
  async ({ viewer, params, input }) => {
    const { imported, skipped, skippedCount } = await imports.import(viewer, input.body, {
      map: params.map ?? [],
      onForeign: params.onForeign === 'skip' ? 'skip' : 'refuse',
      source: params.source === undefined ? undefined : parseDid(params.source),
    })
    return { imported, skipped: [...skipped], skippedCount }
  }
