import { createServer, type Server } from 'node:http'

/** Makes an Express application's `listen(port)` take the loopback address only, not every address of the machine. */
export function listenOnLoopback(
  app: { listen: (port: number) => Server } & Parameters<typeof createServer>[1],
): void {
  app.listen = (port) => createServer(app).listen(port, '127.0.0.1')
}
