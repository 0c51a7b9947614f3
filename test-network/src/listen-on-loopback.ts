import type { Server } from 'node:http'

interface Listening {
  listen: (port: number, host: string, listening?: () => void) => Server
}

/** Makes an Express application's `listen(port)` take the loopback address only, not every address of the machine. */
export function listenOnLoopback(app: Listening): void {
  // Not a new server: this one may know of subscriptions.
  const listen = app.listen.bind(app)
  app.listen = (port) => listen(port, '127.0.0.1')
}
