import { StratosError, type Viewer } from 'stratos-core'
import type { zone } from 'stratos-core/lexicons'
import type { Hydrate } from '../../../../operations/hydrate.ts'
import type { Handler } from '../../../method-table.ts'
import { recordsAnswer } from '../../../record-answers.ts'

const MAX_URIS = 100

export const hydrateRecords =
  (hydrate: Hydrate): Handler<typeof zone.stratos.repo.hydrateRecords.main, Viewer> =>
  async ({ viewer, input: { body } }) => {
    if (body.uris.length > MAX_URIS)
      throw new StratosError('TooManyUris', `at most ${MAX_URIS} URIs at a time`)
    const { records, notFound, blocked, postponed, proof } = await hydrate.many(viewer, body.uris, {
      onBehalfOf: body.viewer,
      proof: body.proof ?? false,
    })
    return recordsAnswer(records, {
      notFound,
      blocked,
      postponed: postponed.length === 0 ? undefined : postponed,
      proof:
        proof === null ? undefined : { $bytes: Buffer.from(proof).toString('base64').replace(/=+$/, '') },
    })
  }
