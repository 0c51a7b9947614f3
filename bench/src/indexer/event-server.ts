/**
 * Entry of the process that plays a service with a past: its DID document, and a stream with so many commits of twenty
 * accounts, made before and sent as fast as the follower reads. Argument: how many. Tells its port by IPC.
 */
import { createServer } from 'node:http'
import { encode } from '@atproto/lex-cbor'
import { encodeRecord } from 'stratos-core'
import { WebSocketServer } from 'ws'

const [count = '0'] = process.argv.slice(2)
const ACCOUNTS = 20
const BOUNDARIES = 5
const AT_MS = Date.UTC(2026, 0, 15)
const REV_LETTERS = '234567abcdefghijklmnopqrstuvwxyz'

const server = createServer((request, response) => {
  if (request.url !== '/.well-known/did.json') return response.writeHead(404).end()
  const service = [{ id: '#stratos', type: 'StratosService', serviceEndpoint: url() }]
  return response
    .setHeader('content-type', 'application/json')
    .end(JSON.stringify({ id: serviceDid(), service }))
})
const port = (): number => {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}
const url = () => `http://localhost:${port()}`
const serviceDid = () => `did:web:localhost%3A${port()}`

server.listen(0, '127.0.0.1', async () => {
  const frames: Buffer[] = []
  for (let seq = 1; seq <= Number(count); seq += 1) frames.push(await frameOf(seq))
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', async (socket) => {
    // Written in one go, all of it would lie in memory once more.
    for (const frame of frames) {
      await new Promise<void>((resolve, reject) =>
        socket.send(frame, (err) => (err ? reject(err) : resolve())),
      ).catch(() => socket.terminate())
    }
  })
  process.send?.(url())
})

async function frameOf(seq: number): Promise<Buffer> {
  const record = {
    $type: 'zone.stratos.feed.post',
    text: `a post, the ${seq}th of many, of usual length and with nothing in it that matters`,
    boundary: {
      $type: 'zone.stratos.boundary.defs#Domains',
      values: [{ value: `${serviceDid()}/${seq % BOUNDARIES}` }],
    },
    createdAt: new Date(AT_MS + seq * 1_000).toISOString(),
  }
  const { cid } = await encodeRecord(record)
  const path = `zone.stratos.feed.post/${tid(seq)}`
  const body = {
    seq,
    repoSeq: seq,
    did: `did:web:account${seq % ACCOUNTS}.example`,
    rev: tid(seq),
    time: new Date(AT_MS).toISOString(),
    ops: [{ action: 'create', path, cid, record }],
  }
  return Buffer.concat([encode({ op: 1, t: '#commit' }), encode(body)])
}

function tid(number: number): string {
  let rest = number
  let text = ''
  for (let digit = 0; digit < 11; digit += 1) {
    text = `${REV_LETTERS[rest % 32]}${text}`
    rest = Math.floor(rest / 32)
  }
  return `3j${text}`
}
