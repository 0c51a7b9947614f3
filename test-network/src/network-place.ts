import { randomBytes } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import {
  releaseAll,
  reserveFreePorts,
  reservePort,
  reservePortsFrom,
  type ReservedPort,
} from './free-port.ts'

export interface PlaceOptions {
  /** Ports `portBase` to `portBase + 4` and no others. */
  readonly portBase?: number
  /** The same five ports when they are free, any others when not. */
  readonly preferredPortBase?: number
  /** Keeps everything for the next start. Default: a temporary directory. */
  readonly dataDir?: string
}

/** Where one network lives: its directory, its reserved ports and the secret made for it. */
export interface NetworkPlace {
  readonly directory: string
  readonly plc: ReservedPort
  readonly pds: ReservedPort
  readonly service: ReservedPort
  readonly webapp: ReservedPort
  readonly indexer: ReservedPort
  readonly adminPassword: string
  /** Lets go of ports not taken yet and removes a temporary directory. */
  close(): Promise<void>
}

interface Remembered {
  readonly ports: readonly number[]
  readonly adminPassword: string
}

const FILE = 'network.json'
/** PLC, PDS, service, web app, indexer. */
const PORTS = 5

/**
 * Opens a directory and reserves the ports of a network.
 *
 * A kept directory belongs to its ports: they are part of the addresses in DID documents and of the service's DID.
 *
 * @throws {Error} when a port that must be used is taken, or the directory is something else's
 */
export async function openPlace(options: PlaceOptions): Promise<NetworkPlace> {
  const kept = options.dataDir === undefined ? null : resolve(options.dataDir)
  if (kept !== null) prepareKept(kept)
  const remembered = kept === null ? null : readRemembered(kept)
  const reserved = await choosePorts(options, remembered)
  const [plc, pds, service, webapp, indexer] = reserved
  if (!plc || !pds || !service || !webapp || !indexer) throw new Error('five ports were asked for')
  const adminPassword = remembered?.adminPassword ?? randomBytes(12).toString('base64url')
  const directory = kept ?? mkdtempSync(join(tmpdir(), 'stratos-network-'))
  if (kept !== null) remember(kept, { ports: reserved.map((one) => one.port), adminPassword })

  const close = async (): Promise<void> => {
    await releaseAll(reserved)
    if (kept === null) rmSync(directory, { recursive: true, force: true })
  }
  return { directory, plc, pds, service, webapp, indexer, adminPassword, close }
}

/** Before any port is held: a network does not spread itself in a directory that is not its own. */
function prepareKept(directory: string): void {
  const present = statSync(directory, { throwIfNoEntry: false })
  if (present !== undefined && !present.isDirectory()) throw new Error(`${directory} is not a directory`)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  if (!existsSync(join(directory, FILE)) && readdirSync(directory).length > 0) {
    throw new Error(`${directory} holds something else; choose a new or an empty directory`)
  }
}

function readRemembered(directory: string): Remembered | null {
  const file = join(directory, FILE)
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Remembered) : null
}

function remember(directory: string, what: Remembered): void {
  writeFileSync(join(directory, FILE), `${JSON.stringify(what)}\n`, { mode: 0o600 })
}

async function choosePorts(options: PlaceOptions, remembered: Remembered | null): Promise<ReservedPort[]> {
  if (remembered !== null) {
    const first = remembered.ports[0]
    if (options.portBase !== undefined && options.portBase !== first) {
      throw new Error(
        `the data directory was made with ports from ${first}; it cannot move to ${options.portBase}`,
      )
    }
    const kept = await reserveExactly(remembered.ports)
    // A directory of a time with fewer parts.
    const more = PORTS - kept.length
    return more > 0 ? [...kept, ...(await reserveFreePorts(more))] : kept
  }
  if (options.portBase !== undefined) {
    return reserveExactly(Array.from({ length: PORTS }, (_, offset) => (options.portBase ?? 0) + offset))
  }
  const preferred =
    options.preferredPortBase === undefined ? null : await reservePortsFrom(options.preferredPortBase, PORTS)
  return preferred ?? reserveFreePorts(PORTS)
}

async function reserveExactly(ports: readonly number[]): Promise<ReservedPort[]> {
  const reserved: ReservedPort[] = []
  for (const port of ports) {
    const one = await reservePort(port)
    if (one === null) {
      await releaseAll(reserved)
      throw new Error(`port ${port} is taken`)
    }
    reserved.push(one)
  }
  return reserved
}
