import { reserveFreePorts } from 'test-network'
import type { CpuProfile } from './cpu-profile.ts'

const SAMPLE_EVERY_US = 200

/** A door to the profiler of the service process. */
export interface Inspector {
  /** What the service has to be started with. */
  readonly env: Readonly<Record<string, string>>
  /** Profiles the service while `work` runs. */
  record<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly profile: CpuProfile }>
}

/** Finds a free port of the loopback address for the service's inspector. */
export async function openInspector(): Promise<Inspector> {
  const [reserved] = await reserveFreePorts(1)
  if (reserved === undefined) throw new Error('a port was asked for')
  const { port } = reserved
  await reserved.release()
  return {
    env: { NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} --inspect=127.0.0.1:${port}`.trim() },
    async record(work) {
      const session = await connect(port)
      try {
        await session.call('Profiler.enable')
        await session.call('Profiler.setSamplingInterval', { interval: SAMPLE_EVERY_US })
        await session.call('Profiler.start')
        const result = await work()
        const { profile } = (await session.call('Profiler.stop')) as { profile: CpuProfile }
        return { result, profile }
      } finally {
        session.close()
      }
    },
  }
}

interface Session {
  call(method: string, params?: object): Promise<unknown>
  close(): void
}

/** @see https://chromedevtools.github.io/devtools-protocol/v8/Profiler/ */
async function connect(port: number): Promise<Session> {
  const targets = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as {
    webSocketDebuggerUrl: string
  }[]
  const socket = new WebSocket(targets[0]?.webSocketDebuggerUrl ?? '')
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve)
    socket.addEventListener('error', () => reject(new Error('the inspector of the service does not answer')))
  })
  const pending = new Map<number, PromiseWithResolvers<unknown>>()
  socket.addEventListener('message', ({ data }: MessageEvent<string>) => {
    const { id, result, error } = JSON.parse(data) as {
      id?: number
      result?: unknown
      error?: { message: string }
    }
    const call = id === undefined ? undefined : pending.get(id)
    if (error === undefined) call?.resolve(result)
    else call?.reject(new Error(error.message))
  })
  socket.addEventListener('close', () => {
    for (const { reject } of pending.values()) reject(new Error('the inspector of the service is gone'))
  })
  return {
    call(method, params = {}) {
      const id = pending.size + 1
      const answer = Promise.withResolvers<unknown>()
      pending.set(id, answer)
      socket.send(JSON.stringify({ id, method, params }))
      return answer.promise
    },
    close: () => socket.close(),
  }
}
