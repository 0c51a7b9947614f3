import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AtpAgent } from '@atproto/api'
import { appPasswordAgent, openAccount, type Account } from './accounts.ts'
import { reserveFreePorts, type ReservedPort } from './free-port.ts'
import { openOAuthSession, type SignedIn } from './oauth-session.ts'
import { startReadyChild } from './ready-child.ts'

/** A PLC directory and a PDS, running in one child process. */
export interface PlcAndPds {
  readonly plcUrl: string
  readonly pdsUrl: string
  /** Resolves, with a sentence about how, when the process has ended, by `close` or otherwise. */
  readonly ended: Promise<string>
  /** Creates an account; its password and email follow from the handle. With a kept directory, returns the former one. */
  createAccount(handle: string): Promise<Account>
  /** A session of a fresh OAuth client, opened through the PDS's own sign-in and consent. */
  oauthSession(account: Account, scope: string): Promise<SignedIn>
  /** An agent signed in with a fresh app password. */
  appPasswordAgent(account: Account): Promise<AtpAgent>
  /** Ends the process (default SIGKILL, a crash) and starts it again on the same data and ports. */
  restartPds(signal?: NodeJS.Signals): Promise<void>
  close(): Promise<void>
}

export interface PlcAndPdsOptions {
  /** Default: free ones. */
  readonly ports?: { readonly plc: ReservedPort; readonly pds: ReservedPort }
  /** Where everything is kept. Default: a temporary directory that `close` removes. */
  readonly directory?: string
  readonly log?: (line: string) => void
}

/**
 * Starts a PLC directory and a PDS on loopback.
 *
 * @throws {Error} with the last lines of their output when they do not come up
 */
export async function startPlcAndPds(options: PlcAndPdsOptions = {}): Promise<PlcAndPds> {
  const ports = options.ports ?? (await reserveTwo())
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'stratos-plc-pds-'))
  mkdirSync(directory, { recursive: true })
  await Promise.all([ports.plc.release(), ports.pds.release()])

  const forget = (): void => {
    if (options.directory === undefined) rmSync(directory, { recursive: true, force: true })
  }
  const child = await startReadyChild({
    name: 'the process of PLC directory and PDS',
    module: new URL('./pds-process.ts', import.meta.url),
    args: [String(ports.plc.port), String(ports.pds.port), directory],
    env: process.env,
    onLine: (line) => options.log?.(`pds: ${line}`),
  }).catch((err: unknown) => {
    forget()
    throw err
  })

  const plcUrl = `http://localhost:${ports.plc.port}`
  const pdsUrl = `http://localhost:${ports.pds.port}`
  return {
    plcUrl,
    pdsUrl,
    ended: child.ended,
    createAccount: (handle) => openAccount(pdsUrl, handle),
    oauthSession: (account, scope) => openOAuthSession({ plcUrl, pdsUrl }, account, scope),
    appPasswordAgent: (account) => appPasswordAgent(pdsUrl, account),
    restartPds: (signal = 'SIGKILL') => child.restart(signal),
    close: async () => {
      await child.stop()
      forget()
    },
  }
}

async function reserveTwo(): Promise<{ plc: ReservedPort; pds: ReservedPort }> {
  const [plc, pds] = await reserveFreePorts(2)
  if (plc === undefined || pds === undefined) throw new Error('two ports were asked for')
  return { plc, pds }
}
