/**
 * What a stream costs at least: a bare WebSocket server. `POST /` sends the body to everybody; a connection to `/rows` gets
 * the events of a database with their records, each row as it is.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Database from 'better-sqlite3'
import { WebSocketServer } from 'ws'

const PAGE = 500
const [, , file = ''] = process.argv
const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false })
const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const body = Buffer.concat(chunks)
    for (const socket of sockets.clients) socket.send(body)
    response.end('{}')
  })
})
server.on('upgrade', (request, socket, head) => {
  sockets.handleUpgrade(request, socket, head, (webSocket) => {
    if (request.url !== '/rows') return
    const db = new Database(file, { readonly: true })
    const page = db.prepare<[number, number], { seq: number; body: Buffer }>(
      'select seq, body from event where seq > ? order by seq limit ?',
    )
    const records = db.prepare<[number, number], { content: Buffer }>(
      'select b.content from record r join repo_block b on b.repo = r.repo and b.cid = r.cid order by r.rkey limit ? offset ?',
    )
    let after = 0
    const next = (): void => {
      const events = page.all(after, PAGE)
      if (events.length === 0) return db.close() && undefined
      const contents = records.all(PAGE, after)
      events.forEach(({ body }, index) =>
        webSocket.send(Buffer.concat([body, contents[index]?.content ?? Buffer.alloc(0)])),
      )
      after = events.at(-1)?.seq ?? after
      setImmediate(next)
    }
    next()
  })
})
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`)
})
process.on('disconnect', () => process.exit(0))
