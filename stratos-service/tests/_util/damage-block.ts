import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import pg from 'pg'
import type { Network } from 'test-network'

/** Replaces the stored bytes of a block, wherever it is, as a failing disk would. @throws {Error} unless it is in one place */
export async function damageBlock(network: Network, cid: string): Promise<void> {
  const bytes = Buffer.from('no longer what it was')
  const changed =
    network.postgresUrl === null
      ? damageFiles(network, cid, bytes)
      : await damageTables(network.postgresUrl, cid, bytes)
  if (changed !== 1) throw new Error(`${cid} is in ${changed} places`)
}

function damageFiles({ directory }: Network, cid: string, bytes: Buffer): number {
  const actors = join(directory, 'service', 'data', 'actors')
  const files = readdirSync(actors, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.sqlite'),
  )
  return files.reduce((sum, name) => {
    const db = new Database(join(actors, name))
    const { changes } = db.prepare('update repo_block set content = ? where cid = ?').run(bytes, cid)
    db.close()
    return sum + changes
  }, 0)
}

async function damageTables(url: string, cid: string, bytes: Buffer): Promise<number> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    const { rows } = await client.query<{ schema: string }>(
      `select table_schema as schema from information_schema.tables where table_name = 'repo_block'`,
    )
    let changed = 0
    for (const { schema } of rows) {
      const update = `update "${schema}".repo_block set content = $1 where cid = $2`
      changed += (await client.query(update, [bytes, cid])).rowCount ?? 0
    }
    return changed
  } finally {
    await client.end()
  }
}
