import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Authenticator } from '../auth/authenticate.ts'
import { createLogger } from '../logger.ts'
import { MethodTable } from './method-table.ts'
import { addRoutes, type RouteParts } from './routes.ts'

const lexicons = join(import.meta.dirname, '../../../lexicons')

/** Nothing is called: handlers only hold on to the parts that they are given. */
function listRoutes() {
  const table = new MethodTable({
    auth: {} as Authenticator,
    reads: { charge: () => null },
    addressOf: () => 'unknown',
    logger: createLogger('silent'),
  })
  addRoutes(table, { blobs: {} } as RouteParts)
  return table.routes
}

const routes = listRoutes()

describe('the list of routes', () => {
  it('is the one that was reviewed: a new or changed line is a change of who may do what', async () => {
    const width = Math.max(...routes.map(({ method }) => method.length))
    const lines = routes.map(({ method, guard }) => `${method.padEnd(width)}  ${guard}`)
    await expect(`${lines.toSorted().join('\n')}\n`).toMatchFileSnapshot('routes.snapshot.txt')
  })

  it('names each method once', () => {
    const methods = routes.map(({ method }) => method)
    expect(methods).toEqual([...new Set(methods)])
  })

  it.each(routes.map(({ method }) => method))('has a lexicon for %s', (method) => {
    const file = join(lexicons, `${method.replaceAll('.', '/')}.json`)
    expect(existsSync(file), `${file} is missing`).toBe(true)
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
      id: method,
      defs: { main: { type: expect.stringMatching(/^(query|procedure|subscription)$/) } },
    })
  })
})
