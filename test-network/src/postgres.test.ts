import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startPostgres } from './postgres.ts'

let scratch: string
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'postgres-'))
  chmodSync(scratch, 0o711)
})
afterEach(() => {
  rmSync(scratch, { recursive: true, force: true })
})

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

describe('a Postgres server', () => {
  it('keeps its databases and its password from one start to the next, and is durable', async () => {
    const directory = join(scratch, 'postgres')
    const first = await startPostgres({ directory })
    const url = await first.createDatabase('kept')
    await query(url, "create table note as select 'still here' as text")
    expect(await query(url, 'show fsync')).toEqual([{ fsync: 'on' }])
    await first.close()

    const second = await startPostgres({ directory })
    try {
      expect(new URL(second.url('kept')).password).toBe(new URL(url).password)
      expect(await query(await second.createDatabase('kept'), 'select text from note')).toEqual([
        { text: 'still here' },
      ])
    } finally {
      await second.close()
    }
  })

  it('says why when it cannot start', async () => {
    const directory = join(scratch, 'postgres')
    await (await startPostgres({ directory })).close()
    rmSync(join(directory, 'cluster/global'), { recursive: true })
    await expect(startPostgres({ directory })).rejects.toThrow(/Postgres ended .*\n.*global/s)
  })
})
