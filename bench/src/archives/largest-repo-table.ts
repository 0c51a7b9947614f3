import type pg from 'pg'

/** Where the largest repo of a service is, whatever the layout. @throws {Error} if there is none */
export async function largestRepoTable(
  client: Pick<pg.Client, 'query'>,
): Promise<{ readonly table: string; readonly repo: number }> {
  const { rows: tables } = await client.query<{ schema: string }>(
    `select table_schema as schema from information_schema.tables where table_name = 'repo_block'`,
  )
  let largest = { table: '', repo: 0, count: 0 }
  for (const { schema } of tables) {
    const table = `"${schema}".repo_block`
    const { rows } = await client.query<{ repo: number; count: string }>(
      `select repo, count(*) as count from ${table} group by repo order by 2 desc limit 1`,
    )
    const count = Number(rows[0]?.count ?? 0)
    if (rows[0] !== undefined && count > largest.count) largest = { table, repo: rows[0].repo, count }
  }
  if (largest.count === 0) throw new Error('there is no repo')
  return largest
}
