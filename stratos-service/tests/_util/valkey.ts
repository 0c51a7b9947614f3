import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitUntil } from 'test-network'

const PROGRAM = '/usr/bin/redis-server'

/** Where it is missing these tests are left out; in CI that fails before, see scripts/system-packages.ts. */
export const HAS_VALKEY = existsSync(PROGRAM)

/** A server on a socket of its own, which keeps nothing from one start to the next. */
export interface ValkeyServer {
  /** For `STRATOS_VALKEY_URL`. */
  readonly url: string
  /** For ioredis. */
  readonly path: string
  start(): Promise<void>
  stop(): Promise<void>
  /** Stops it and removes its directory. */
  close(): Promise<void>
}

export async function startValkey(options: readonly string[] = []): Promise<ValkeyServer> {
  const directory = mkdtempSync(join(tmpdir(), 'stratos-valkey-'))
  const path = join(directory, 'socket')
  let child: ChildProcess | null = null
  const stop = async (): Promise<void> => {
    const running = child
    child = null
    if (running === null || running.exitCode !== null) return
    running.kill('SIGKILL')
    await once(running, 'exit')
  }
  const start = async (): Promise<void> => {
    const settings = ['--port', '0', '--unixsocket', path, '--dir', directory, '--save', '']
    child = spawn(PROGRAM, [...settings, ...options], { stdio: 'ignore' })
    await waitUntil('Valkey answers', () => answers(path))
  }
  await start()
  return {
    url: `unix://${path}`,
    path,
    start,
    stop,
    close: async () => {
      await stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function answers(path: string): Promise<boolean> {
  const socket = createConnection(path)
  try {
    await once(socket, 'connect')
    return true
  } catch (err) {
    if (err instanceof Error && 'code' in err) return false
    throw err
  } finally {
    socket.destroy()
  }
}
