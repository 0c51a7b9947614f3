import { parseDid, parseTid, type ServiceViewer, type UserViewer } from 'stratos-core'
import type { zone } from 'stratos-core/lexicons'
import type { ExportRepo } from '../../../../operations/export-repo.ts'
import type { Handler } from '../../../method-table.ts'
import { StreamedBody } from '../../../prepared-body.ts'

export const getRepo =
  (
    exports: Pick<ExportRepo, 'begin'>,
  ): Handler<typeof zone.stratos.sync.getRepo.main, UserViewer | ServiceViewer> =>
  async ({ viewer, params }) => {
    const since = params.since === undefined ? undefined : parseTid(params.since)
    const { chunks, close } = await exports.begin(viewer, parseDid(params.did), since)
    return new StreamedBody('application/vnd.ipld.car', chunks, () => void close())
  }
