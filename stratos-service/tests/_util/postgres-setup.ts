import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { PostgresServer } from 'test-network/postgres'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    /** A GET answers with the URL of a Postgres server for tests, which the first one starts. */
    readonly postgresStarter: string
  }
}

/**
 * Runs once before all test files, in a process of its own. Postgres starts when a file asks for it, so that runs which
 * need none do not wait for one. `STRATOS_TEST_POSTGRES_URL` names a server to use instead.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  let starting: Promise<PostgresServer> | null = null
  const start = async (): Promise<string> => {
    const given = process.env.STRATOS_TEST_POSTGRES_URL
    if (given !== undefined && given !== '') return given
    starting ??= import('test-network/postgres').then(({ startPostgres }) => startPostgres())
    return (await starting).url('postgres')
  }
  const server = createServer((_request, response) => {
    start().then(
      (url) => response.end(url),
      (err: unknown) => response.writeHead(500).end(String(err)),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  project.provide('postgresStarter', `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  return async () => {
    server.close()
    server.closeAllConnections()
    await (await starting)?.close()
  }
}
