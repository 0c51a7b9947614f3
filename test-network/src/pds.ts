import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Secp256k1Keypair } from '@atproto/crypto'
import { PDS } from '@atproto/pds'
import { listenOnLoopback } from './listen-on-loopback.ts'

/**
 * Runs a PDS on 127.0.0.1 for handles under `.test`. It contacts nobody but the given PLC directory.
 *
 * @param directory its databases, blobs and secrets; a later start with the same directory continues where this ends
 */
export async function startPds(
  port: number,
  plcUrl: string,
  directory: string,
): Promise<{ close(): Promise<void> }> {
  const secrets = await readSecrets(join(directory, 'secrets.json'))
  const pds = await PDS.fromEnv({
    ...secrets,
    devMode: true,
    port,
    hostname: 'localhost',
    serviceDid: `did:web:localhost%3A${port}`,
    serviceName: 'Local PDS',
    dataDirectory: directory,
    blobstoreDiskLocation: join(directory, 'blobs'),
    blobstoreDiskTmpLocation: join(directory, 'blobs-tmp'),
    didPlcUrl: plcUrl,
    serviceHandleDomains: ['.test'],
    inviteRequired: false,
    // Everybody it talks to is on loopback, over http.
    disableSsrfProtection: true,
    // The configuration wants these; nothing here calls them.
    bskyAppViewUrl: 'https://appview.invalid',
    bskyAppViewDid: 'did:example:invalid',
    modServiceUrl: 'https://moderator.invalid',
    modServiceDid: 'did:example:invalid',
    crawlers: [],
  })
  listenOnLoopback(pds.app)
  await pds.start()
  return { close: () => pds.destroy() }
}

interface PdsSecrets {
  readonly adminPassword: string
  readonly jwtSecret: string
  readonly dpopSecret: string
  readonly plcRotationKeyK256PrivateKeyHex: string
  readonly recoveryDidKey: string
}

async function readSecrets(path: string): Promise<PdsSecrets> {
  if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8')) as PdsSecrets
  const rotationKey = await Secp256k1Keypair.create({ exportable: true })
  const secrets: PdsSecrets = {
    adminPassword: randomBytes(16).toString('hex'),
    jwtSecret: randomBytes(32).toString('hex'),
    dpopSecret: randomBytes(32).toString('hex'),
    plcRotationKeyK256PrivateKeyHex: Buffer.from(await rotationKey.export()).toString('hex'),
    recoveryDidKey: (await Secp256k1Keypair.create()).did(),
  }
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, JSON.stringify(secrets), { mode: 0o600 })
  return secrets
}
