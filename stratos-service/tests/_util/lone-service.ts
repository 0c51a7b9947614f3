import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { reserveFreePorts, waitUntil } from 'test-network'

const MAIN = join(import.meta.dirname, '../../src/main.ts')

/** A service without a network around it, for what needs nobody else. */
export interface LoneService extends AsyncDisposable {
  readonly url: string
  readonly dataDir: string
  /** What it has said so far. */
  readonly output: () => string
  /** Ends it, and starts it again. */
  restart(between?: () => void): Promise<void>
}

/** @throws {Error} with its output if it ends instead of starting */
export async function startLoneService(env: Readonly<Record<string, string>> = {}): Promise<LoneService> {
  const directory = mkdtempSync(join(tmpdir(), 'stratos-lone-'))
  const [port] = await reserveFreePorts(1)
  if (port === undefined) throw new Error('there is no free port')
  await port.release()
  const url = `http://localhost:${port.port}`
  const dataDir = join(directory, 'data')
  const settings = {
    STRATOS_SERVICE_DID: `did:web:localhost%3A${port.port}`,
    STRATOS_PUBLIC_URL: url,
    STRATOS_HOST: '127.0.0.1',
    STRATOS_PORT: String(port.port),
    STRATOS_ALLOWED_DOMAINS: 'general,writers',
    STRATOS_DATA_DIR: dataDir,
    STRATOS_PLC_URL: 'http://127.0.0.1:1',
    STRATOS_ALLOW_PRIVATE_ADDRESSES: 'true',
    ...env,
  }
  let output = ''
  let child: ChildProcess
  const start = async (): Promise<void> => {
    const started = spawn(process.execPath, [MAIN], {
      env: { PATH: process.env['PATH'], ...settings },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child = started
    for (const stream of [started.stdout, started.stderr]) {
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
    }
    await waitUntil(
      'starting a service',
      async () => {
        if (started.exitCode !== null)
          throw new Error(`the service ended with ${started.exitCode}:\n${output}`)
        return isReady(url)
      },
      60_000,
    )
  }
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null) return
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
  const dispose = async (): Promise<void> => {
    await stop()
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    await start()
  } catch (err) {
    await dispose()
    throw err
  }
  return {
    url,
    dataDir,
    output: () => output,
    restart: async (between) => {
      await stop()
      between?.()
      await start()
    },
    [Symbol.asyncDispose]: dispose,
  }
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/ready`)).ok
  } catch (err) {
    if (err instanceof TypeError) return false
    throw err
  }
}
