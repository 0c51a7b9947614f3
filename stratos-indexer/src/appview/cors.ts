import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'

const PREFLIGHT = {
  'Access-Control-Allow-Methods': 'GET',
  'Access-Control-Allow-Headers': 'authorization',
  'Access-Control-Max-Age': '86400',
}

/** Lets web pages of any origin call: nothing here is opened by what a browser adds to a request by itself. */
export function allowOrigins(answer: RequestListener): RequestListener {
  return (request: IncomingMessage, response: ServerResponse & { req: IncomingMessage }) => {
    response.setHeader('Access-Control-Allow-Origin', '*')
    response.setHeader('Access-Control-Expose-Headers', 'Retry-After')
    if (request.method === 'OPTIONS') response.writeHead(204, PREFLIGHT).end()
    else answer(request, response)
  }
}
