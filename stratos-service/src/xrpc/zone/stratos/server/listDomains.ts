import type { Viewer } from 'stratos-core'
import type { zone } from 'stratos-core/lexicons'
import type { Handler } from '../../../method-table.ts'

export const listDomains =
  (boundaries: ReadonlySet<string>): Handler<typeof zone.stratos.server.listDomains.main, Viewer> =>
  async () => ({ domains: [...boundaries] })
