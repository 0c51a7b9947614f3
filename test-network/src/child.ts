import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface ChildOptions {
  /** What messages call it, such as `the PDS`. */
  readonly name: string
  readonly module: URL
  readonly args?: readonly string[]
  /** For Node itself. */
  readonly nodeFlags?: readonly string[]
  readonly env: NodeJS.ProcessEnv
  /** Receives every line of its output. */
  readonly onLine?: (line: string) => void
  /** Receives what it sends through `process.send`. */
  readonly onMessage?: (message: unknown) => void
}

/** A child process that ends with this one. */
export interface Child {
  readonly pid: number
  /** Resolves when the process has ended and its output was read, with a sentence about how. */
  readonly ended: Promise<string>
  hasEnded(): boolean
  /** The last lines it printed, for an error message. */
  tail(): string
  /** Signals the process, kills it if it has not ended within 10 s, and waits for its end. */
  stop(signal?: NodeJS.Signals): Promise<void>
}

const TAIL_LINES = 40
const STOP_MS = 10_000

/** Starts `module` with this very Node. Its standard output and error are read line by line. */
export function startChild(options: ChildOptions): Child {
  const preload = new URL('./exit-with-parent.ts', import.meta.url)
  const flags = [
    ...(options.nodeFlags ?? []),
    '--disable-warning=ExperimentalWarning',
    '--import',
    preload.href,
    fileURLToPath(options.module),
  ]
  const child = spawn(process.execPath, [...flags, ...(options.args ?? [])], {
    env: options.env,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })

  const lines: string[] = []
  for (const input of [child.stdout, child.stderr]) {
    if (input === null) continue
    createInterface({ input }).on('line', (line) => {
      lines.push(line)
      if (lines.length > TAIL_LINES) lines.shift()
      options.onLine?.(line)
    })
  }

  if (options.onMessage !== undefined) child.on('message', options.onMessage)

  let over = false
  const ended = new Promise<string>((resolve) => {
    const finish = (how: string): void => {
      over = true
      resolve(how)
    }
    child.once('error', (err) => finish(`${options.name} could not be started: ${err.message}`))
    child.once('close', (code, signal) =>
      finish(`${options.name} ended with ${signal ?? `exit code ${code}`}`),
    )
  })

  return {
    pid: child.pid ?? 0,
    ended,
    hasEnded: () => over,
    tail: () => lines.join('\n'),
    async stop(signal = 'SIGTERM') {
      if (over) return
      child.kill(signal)
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
      await ended
      clearTimeout(timer)
    },
  }
}
