/** Entry of the process that sends the blocks of a repo as they are; see `openRows`. Its argument is a file, or the URL of a server. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Database from 'better-sqlite3'
import pg from 'pg'
import { largestRepoTable } from './largest-repo-table.ts'

const PAGE = 1_000
const [, , place = ''] = process.argv
const pageAfter = place.includes('://') ? await postgresPages(place) : sqlitePages(place)

interface Row {
  readonly cid: string
  readonly content: Buffer
}
type PageAfter = (cid: string) => Promise<Row[]> | Row[]

function sqlitePages(file: string): PageAfter {
  const db = new Database(file, { readonly: true })
  const page = db.prepare<[string, number], Row>(
    'select cid, content from repo_block where repo = (select min(repo) from repo_block) and cid > ? order by cid limit ?',
  )
  return (cid) => page.all(cid, PAGE)
}

async function postgresPages(url: string): Promise<PageAfter> {
  const client = new pg.Client(url)
  await client.connect()
  const { table, repo } = await largestRepoTable(client)
  const text = `select cid, content from ${table} where repo = $1 and cid > $2 order by cid limit $3`
  return async (cid) => (await client.query<Row>({ name: 'page', text, values: [repo, cid, PAGE] })).rows
}

const server = createServer((_req, res) => {
  const send = async () => {
    for (let last = ''; ;) {
      const page = await pageAfter(last)
      for (const { content } of page) if (!res.write(content)) await once(res, 'drain')
      last = page.at(-1)?.cid ?? last
      if (page.length < PAGE) break
    }
    res.end()
  }
  send().catch((err: unknown) => res.destroy(err instanceof Error ? err : new Error(String(err))))
})
server.listen(0, '127.0.0.1', () => {
  process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})
process.once('disconnect', () => process.exit(0))
