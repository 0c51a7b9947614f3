import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPostgres } from 'test-network'
import { expect, it } from 'vitest'
import { PostgresWriteFloor } from './postgres-write-floor.ts'

it('takes some time for each write, and can be opened again on the same server', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'stratos-bench-'))
  const server = await startPostgres({ directory })
  try {
    for (let run = 0; run < 2; run += 1) {
      const floor = await PostgresWriteFloor.open(server.url('postgres'))
      const { p50Ms, timeMs } = await floor.sample(0.01)
      expect(p50Ms).toBeGreaterThan(0)
      expect(timeMs).toBe(p50Ms)
      await floor.close()
    }
  } finally {
    await server.close()
    rmSync(directory, { recursive: true })
  }
}, 60_000)
