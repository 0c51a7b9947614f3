import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { releaseAll, reserveFreePorts } from './free-port.ts'
import { answersOk, waitUntil } from './wait-until.ts'

const run = promisify(execFile)
const PROGRAMS = ['radosgw', 'radosgw-admin', 'ceph', 'ceph-mon', 'ceph-osd', 'ceph-authtool', 'monmaptool']
const START_MS = 60_000

/** A real S3 service on loopback: one node of Ceph with its RADOS gateway, which keeps everything in memory. */
export interface S3Server {
  readonly endpoint: string
  readonly region: string
  readonly accessKey: string
  readonly secretKey: string
  /** Makes it stop answering, with connections open, and answer again. */
  pause(): void
  resume(): void
  close(): Promise<void>
}

/** Whether Ceph is installed (Debian packages radosgw, ceph-mon and ceph-osd). */
export function hasS3Server(): boolean {
  return PROGRAMS.every((program) => existsSync(join('/usr/bin', program)))
}

/** @throws {Error} when a part does not come up; everything started until then is ended */
export async function startS3Server(): Promise<S3Server> {
  const directory = mkdtempSync(join(tmpdir(), 'stratos-s3-'))
  const ports = await reserveFreePorts(3)
  const [port = 0, v2 = 0, v1 = 0] = ports.map((reserved) => reserved.port)
  await releaseAll(ports)
  const monitor = { fsid: randomUUID(), address: `[v2:127.0.0.1:${v2},v1:127.0.0.1:${v1}]` }
  const config = join(directory, 'ceph.conf')
  writeFileSync(config, configOf(directory, port, monitor))
  for (const folder of ['mon', 'osd', 'run']) mkdirSync(join(directory, folder))
  const daemons: ChildProcess[] = []
  const close = async (): Promise<void> => {
    for (const daemon of daemons.splice(0).reverse()) {
      if (daemon.exitCode !== null || daemon.signalCode !== null) continue
      const ended = once(daemon, 'exit')
      daemon.kill('SIGCONT')
      daemon.kill('SIGKILL')
      await ended
    }
    rmSync(directory, { recursive: true, force: true })
  }
  const tool = (program: string, ...args: string[]) => run(program, args, { timeout: START_MS })
  const ceph = async (...args: string[]) =>
    (await tool('ceph', '-c', config, '--connect-timeout', '5', ...args)).stdout.trim()
  const start = (program: string, ...args: string[]): ChildProcess => {
    const log = openSync(join(directory, `${program}.out`), 'a')
    const daemon = spawn(program, ['-c', config, ...args, '-f'], { stdio: ['ignore', log, log] })
    daemons.push(daemon)
    return daemon
  }
  const secrets = { accessKey: 'testkey', secretKey: randomUUID() }
  try {
    await makeMonitor(directory, config, monitor, tool)
    start('ceph-mon', '-i', 'a')
    await waitUntil('the monitor answers', () => succeeds(ceph('mon', 'stat')), START_MS)
    const uuid = randomUUID()
    const osd = await ceph('osd', 'new', uuid)
    await tool('ceph-osd', '-c', config, '-i', osd, '--mkfs', '--osd-uuid', uuid)
    start('ceph-osd', '-i', osd)
    await waitUntil('the store is up', async () => (await ceph('osd', 'stat')).includes('1 up'), START_MS)
    const gateway = start('radosgw', '-n', 'client.rgw')
    const endpoint = `http://127.0.0.1:${port}`
    await waitUntil('the gateway answers', () => answersOk(endpoint), START_MS)
    const { accessKey, secretKey } = secrets
    const user = [
      '--uid=test',
      '--display-name=test',
      `--access-key=${accessKey}`,
      `--secret-key=${secretKey}`,
    ]
    await tool('radosgw-admin', '-c', config, 'user', 'create', ...user)
    return {
      endpoint,
      region: 'us-east-1',
      ...secrets,
      pause: () => void gateway.kill('SIGSTOP'),
      resume: () => void gateway.kill('SIGCONT'),
      close,
    }
  } catch (err) {
    await close()
    throw err
  }
}

interface Monitor {
  readonly fsid: string
  readonly address: string
}

async function makeMonitor(
  directory: string,
  config: string,
  { fsid, address }: Monitor,
  tool: (program: string, ...args: string[]) => Promise<unknown>,
): Promise<void> {
  const keyring = join(directory, 'keyring')
  const key = (name: string, ...caps: readonly (readonly [string, string])[]) =>
    tool('ceph-authtool', keyring, '--gen-key', '-n', name, ...caps.flatMap((cap) => ['--cap', ...cap]))
  await tool('ceph-authtool', '-C', keyring, '--gen-key', '-n', 'mon.', '--cap', 'mon', 'allow *')
  await key('client.admin', ['mon', 'allow *'], ['osd', 'allow *'], ['mgr', 'allow *'])
  await key('client.rgw', ['mon', 'allow rw'], ['osd', 'allow rwx'])
  await key('osd.0', ['mon', 'allow profile osd'], ['osd', 'allow *'])
  const map = join(directory, 'monmap')
  await tool('monmaptool', '--create', '--fsid', fsid, '--addv', 'a', address, map)
  await tool('ceph-mon', '-c', config, '-i', 'a', '--mkfs', '--monmap', map, '--keyring', keyring)
}

async function succeeds(work: Promise<unknown>): Promise<boolean> {
  return work.then(
    () => true,
    () => false,
  )
}

function configOf(directory: string, port: number, { fsid, address }: Monitor): string {
  return `[global]
fsid = ${fsid}
mon host = ${address}
mon initial members = a
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
auth allow insecure global id reclaim = false
keyring = ${directory}/keyring
osd pool default size = 1
osd pool default min size = 1
mon allow pool size one = true
mon warn on pool no redundancy = false
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon max pg per osd = 1000
run dir = ${directory}/run
admin socket = ${directory}/run/$name.asok
pid file = ${directory}/run/$name.pid
log file = ${directory}/$name.log
mon data = ${directory}/mon
mon data avail crit = 1
mon data avail warn = 2
osd data = ${directory}/osd
osd objectstore = memstore
memstore device bytes = 1073741824
paxos propose interval = 0.05
paxos min wait = 0.01
mon osd min up ratio = 0
osd mon heartbeat interval = 1
crash dir = ${directory}/run
fatal signal handlers = false
rgw frontends = beast endpoint=127.0.0.1:${port}
rgw gc obj min wait = 1
rgw enable usage log = false
rgw dns name =
`
}
