import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { answersOk, waitUntil } from './wait-until.ts'

interface Ready {
  plcUrl: string
  pdsUrl: string
  serviceUrl: string
  serviceDid: string
  webappUrl: string | null
  indexerUrl: string | null
  adminPassword: string
  postgresUrl: string | null
  accounts: {
    handle: string
    did: string
    password: string
    email: string
    enrolled: boolean
    boundaries: string[]
  }[]
}

interface Cli {
  readonly child: ChildProcess
  readonly ready: Ready
  readonly stdout: string[]
  readonly stderr: string[]
}

let scratch: string
const running: ChildProcess[] = []

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'network-cli-'))
})
afterEach(async () => {
  for (const child of running.splice(0)) if (hasProcesses(child)) process.kill(-child.pid!, 'SIGKILL')
  rmSync(scratch, { recursive: true, force: true })
})

function launch(...args: string[]): ChildProcess {
  const cli = fileURLToPath(new URL('./cli.ts', import.meta.url))
  const child = spawn(process.execPath, [cli, '--no-webapp', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // A process group of its own, in which nothing may be left at the end.
    detached: true,
    env: { ...process.env, TMPDIR: scratch },
  })
  running.push(child)
  return child
}

/** Without an indexer, which takes its time to start; `startWhole` has one. */
const start = (...args: string[]): Promise<Cli> => startWhole('--no-indexer', ...args)

async function startWhole(...args: string[]): Promise<Cli> {
  const child = launch('--json', ...args)
  const stdout: string[] = []
  const stderr: string[] = []
  createInterface({ input: child.stderr! }).on('line', (line) => stderr.push(line))
  const output = createInterface({ input: child.stdout! }).on('line', (line) => stdout.push(line))
  await Promise.race([once(output, 'line'), once(child, 'exit')])
  expect(stderr.join('\n') + (stdout[0] ?? ' no line on stdout')).not.toContain('no line on stdout')
  return { child, ready: JSON.parse(stdout[0]!) as Ready, stdout, stderr }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  child.kill(signal)
  const [code] = (await once(child, 'close')) as [number | null]
  return code
}

/** Whether a process of the child's group still runs; one that has ended but was not reaped does not count. */
function hasProcesses({ pid }: ChildProcess): boolean {
  if (existsSync('/proc/self/stat')) {
    const stats = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(readStat)
    return stats.some(({ group, state }) => group === pid && state !== 'Z')
  }
  try {
    return process.kill(-pid!, 0)
  } catch (err) {
    if (err instanceof Error && 'code' in err && err.code === 'ESRCH') return false
    throw err
  }
}

function readStat(process: string): { state: string; group: number } {
  try {
    const stat = readFileSync(`/proc/${process}/stat`, 'utf8')
    // After the name in parentheses: state, parent, process group.
    const [state = '', , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return { state, group: Number(group) }
  } catch (err) {
    // It ended after it was listed.
    if (err instanceof Error && 'code' in err && (err.code === 'ENOENT' || err.code === 'ESRCH'))
      return { state: 'Z', group: 0 }
    throw err
  }
}

const health = ({ plcUrl, pdsUrl, serviceUrl, indexerUrl }: Ready): string[] => [
  `${plcUrl}/_health`,
  `${pdsUrl}/xrpc/_health`,
  `${serviceUrl}/ready`,
  ...(indexerUrl === null ? [] : [`${indexerUrl}/ready`]),
]

async function connect(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  try {
    await client.connect()
  } finally {
    await client.end()
  }
}

async function isClosed(url: string): Promise<boolean> {
  try {
    await connect(url)
    return false
  } catch (err) {
    // Until it is down it says that it is going down.
    return err instanceof Error && err.message.includes('ECONNREFUSED')
  }
}

describe('the command', { timeout: 90_000 }, () => {
  it('prints one line when all is ready, and ends with 0 and without remains on SIGTERM', async () => {
    const { child, ready, stdout, stderr } = await startWhole()
    for (const url of health(ready)) expect(await answersOk(url)).toBe(true)
    expect(Object.keys(ready)).toEqual([
      'plcUrl',
      'pdsUrl',
      'serviceUrl',
      'serviceDid',
      'webappUrl',
      'indexerUrl',
      'adminPassword',
      'postgresUrl',
      'accounts',
    ])
    expect(ready.webappUrl).toBeNull()
    expect(ready.indexerUrl).not.toBeNull()
    expect(ready.postgresUrl).toBeNull()
    expect(ready.serviceDid).toBe(`did:web:${new URL(ready.serviceUrl).host.replace(':', '%3A')}`)
    expect(ready.accounts.map(({ handle, enrolled }) => [handle, enrolled])).toEqual([
      ['alice.test', false],
      ['bob.test', false],
      ['carol.test', false],
    ])

    expect(await end(child, 'SIGTERM')).toBe(0)
    expect(hasProcesses(child)).toBe(false)
    for (const url of health(ready)) expect(await answersOk(url)).toBe(false)
    expect(stdout).toHaveLength(1)
    expect(stderr.join('\n')).toContain('starting the service')
    expect(readdirSync(scratch)).toEqual([])
  })

  it('runs beside another one, and leaves it alone when it ends', async () => {
    const [one, other] = await Promise.all([start(), start()])
    const urls = [...health(one!.ready), ...health(other!.ready)]
    expect(new Set(urls).size).toBe(6)
    for (const url of urls) expect(await answersOk(url)).toBe(true)
    expect(await end(one!.child, 'SIGINT')).toBe(0)
    for (const url of health(other!.ready)) expect(await answersOk(url)).toBe(true)
    expect(await end(other!.child, 'SIGTERM')).toBe(0)
  })

  it('enrolls everybody when asked to, and knows it after a restart on the same directory', async () => {
    const dataDir = join(scratch, 'kept')
    const first = await start('--enrolled', '--data-dir', dataDir)
    const qualified = (...names: string[]) => names.map((name) => `${first.ready.serviceDid}/${name}`)
    expect(first.ready.accounts.map(({ enrolled, boundaries }) => [enrolled, boundaries])).toEqual([
      [true, qualified('general', 'writers')],
      [true, qualified('general', 'writers')],
      [true, qualified('other')],
    ])
    await end(first.child, 'SIGTERM')

    const second = await start('--data-dir', dataDir)
    expect(second.ready.accounts.map(({ did, enrolled }) => [did, enrolled])).toEqual(
      first.ready.accounts.map(({ did }) => [did, true]),
    )
    expect({ ...second.ready, accounts: [] }).toEqual({ ...first.ready, accounts: [] })
    expect(await end(second.child, 'SIGTERM')).toBe(0)
  })

  it('keeps a Postgres database in its directory as well, and ends it with the rest', async () => {
    const dataDir = join(scratch, 'kept')
    chmodSync(scratch, 0o711)
    const first = await start(
      '--enrolled',
      '--storage',
      'postgres',
      '--layout',
      'shared',
      '--data-dir',
      dataDir,
    )
    process.kill(-first.child.pid!, 'SIGINT')
    expect((await once(first.child, 'close'))[0]).toBe(0)
    expect(first.stderr.join('\n')).not.toMatch(/by itself|warn|error/)
    await expect(connect(first.ready.postgresUrl!)).rejects.toThrow(/ECONNREFUSED/)

    const second = await start('--storage', 'postgres', '--layout', 'shared', '--data-dir', dataDir)
    expect(second.ready.accounts.map(({ enrolled }) => enrolled)).toEqual([true, true, true])
    await end(second.child, 'SIGKILL')
    await waitUntil('the end of Postgres', () => isClosed(second.ready.postgresUrl!), 15_000)
  })

  it('ends with 0 on a Ctrl-C, which reaches every process of the group', async () => {
    const { child, stderr } = await start()
    process.kill(-child.pid!, 'SIGINT')
    const [code] = await once(child, 'close')
    expect(code).toBe(0)
    expect(hasProcesses(child)).toBe(false)
    expect(stderr.join('\n')).not.toContain('by itself')
  })

  it('takes its children along when it is killed', async () => {
    const { child, ready } = await start()
    await end(child, 'SIGKILL')
    await waitUntil('the end of the children', () => !hasProcesses(child), 15_000)
    for (const url of health(ready)) expect(await answersOk(url)).toBe(false)
  })

  it('ends with 0 when it is told to stop while it is starting', async () => {
    const child = launch()
    await once(createInterface({ input: child.stderr! }), 'line')
    expect(await end(child, 'SIGINT')).toBe(0)
    expect(hasProcesses(child)).toBe(false)
  })

  it('ends with 2 on a mistake in the command line', async () => {
    const child = launch('--storage', 'oracle')
    const [code] = await once(child, 'close')
    expect(code).toBe(2)
  })
})
