import { resolve } from 'node:path'
import type { Config } from './config/config.ts'

type Asked = Pick<Config, 'server' | 'storage'>

/**
 * Says which setting a start failed on, where it was the operating system that refused something.
 *
 * @returns one line for operators; null for any other failure, which speaks for itself
 */
export function explainStartFailure(err: unknown, { server, storage }: Asked): string | null {
  if (!(err instanceof Error)) return null
  const { code, syscall, path } = err as NodeJS.ErrnoException
  if (code === undefined || syscall === undefined) return null
  if (syscall === 'listen' || syscall === 'getaddrinfo') return listening(code, server)
  if (path !== undefined && resolve(path).startsWith(resolve(storage.dataDir)))
    return `STRATOS_DATA_DIR: ${err.message}. The directory must belong to the account that runs the service`
  return null
}

function listening(code: string, { host, port }: Config['server']): string {
  switch (code) {
    case 'EADDRINUSE':
      return `STRATOS_PORT: another process listens on port ${port} already; stop it, or choose another port`
    case 'EACCES':
      return `STRATOS_PORT: this account may not listen on port ${port}; choose one above 1023`
    default:
      return `STRATOS_HOST: "${host}" is no address of this machine (${code})`
  }
}
