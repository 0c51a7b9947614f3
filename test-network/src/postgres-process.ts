/**
 * Entry of the child process that runs a Postgres server and ends it when its own time has come, also when the parent was
 * killed. Makes the cluster at the first start. Tells its parent through IPC when the server answers; ends on SIGTERM.
 *
 * Arguments: port, directory of the cluster. The password of the superuser comes in the environment.
 */
import { spawn, spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { findClosedDirectory, postgresAccount } from './postgres-account.ts'
import { postgresBinaries } from './postgres-binaries.ts'

const [port = '', directory = ''] = process.argv.slice(2)
const password = process.env['POSTGRES_PASSWORD'] ?? ''
const account = postgresAccount()
const binaries = postgresBinaries()
const cluster = join(directory, 'cluster')
const env = { PATH: process.env['PATH'], LC_ALL: 'C' }

// Ctrl-C in a terminal reaches the whole process group; the parent decides when this process goes, after the service.
process.on('SIGINT', () => undefined)

const closed = findClosedDirectory(directory)
if (closed !== null)
  throw new Error(`Postgres runs under another account than root and cannot enter ${closed}`)
if (!existsSync(join(cluster, 'PG_VERSION'))) createCluster()
const server = spawn(
  join(binaries, 'postgres'),
  [
    ...['-D', cluster, '-p', port, '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
    // Room for the pools of several services; memory is taken as connections come.
    ...['-c', 'max_connections=200', '-c', 'shared_buffers=64MB'],
  ],
  // A session of its own keeps Ctrl-C from ending it before those who use it.
  { ...account, env, detached: true, stdio: ['ignore', 'ignore', 'pipe'] },
)
createInterface({ input: server.stderr }).on('line', (line) => {
  process.stderr.write(`${line}\n`)
  if (line.includes('database system is ready to accept connections')) process.send?.({ ready: true })
})
server.once('error', (err) => {
  process.stderr.write(`${err.message}\n`)
  process.exit(1)
})
server.once('close', (code) => process.exit(code ?? 1))

// "Fast" shutdown: transactions under way are rolled back, and everything is written.
process.on('SIGTERM', () => server.kill('SIGINT'))
// "Immediate" shutdown: nothing is written any more, and the next start recovers from the log.
process.on('SIGQUIT', () => server.kill('SIGQUIT'))

function createCluster(): void {
  rmSync(cluster, { recursive: true, force: true })
  mkdirSync(cluster, { mode: 0o700 })
  const passwordFile = join(directory, 'initial-password')
  writeFileSync(passwordFile, password, { mode: 0o600 })
  if (account.uid !== undefined && account.gid !== undefined) {
    chownSync(cluster, account.uid, account.gid)
    chownSync(passwordFile, account.uid, account.gid)
  }
  // Text in an order that is not that of its bytes, as on most servers, so that nothing here depends on the server's.
  const order = ['--encoding=UTF8', '--locale=C', '--locale-provider=icu', '--icu-locale=en-US']
  const args = [
    '-D',
    cluster,
    '--username=stratos',
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    ...order,
  ]
  const { status, stderr, error } = spawnSync(join(binaries, 'initdb'), args, { ...account, env })
  rmSync(passwordFile)
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`initdb failed: ${stderr.toString()}`)
}
