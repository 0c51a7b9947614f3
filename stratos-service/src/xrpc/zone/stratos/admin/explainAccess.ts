import { parseDid, type OperatorViewer } from 'stratos-core'
import type { zone } from 'stratos-core/lexicons'
import type { ExplainAccess } from '../../../../operations/explain-access.ts'
import type { Handler } from '../../../method-table.ts'

/** Details are for people, and need not be complete. */
const MAX_DETAIL_LENGTH = 1_000

export const explainAccess =
  (
    access: Pick<ExplainAccess, 'explain'>,
  ): Handler<typeof zone.stratos.admin.explainAccess.main, OperatorViewer> =>
  async ({ params }) => {
    const { allow, rules } = await access.explain(parseDid(params.viewer), params.uri)
    return {
      allow,
      rules: rules.map((rule) => ({ ...rule, detail: rule.detail.slice(0, MAX_DETAIL_LENGTH) })),
    }
  }
