import { createSecp256k1Keypair } from 'stratos-core/repo'
import type { Config } from '../config/config.ts'
import { CLEAR } from '../config/vault.ts'
import { openStorage, type Storage } from '../stores/open-storage.ts'
import { CliError, EXIT, usageError } from './cli-error.ts'
import { readConfig } from './direct.ts'

interface KeysCommand {
  readonly help: string
  readonly run: (storage: Storage, config: Config) => Promise<string>
}

const COMMANDS: Readonly<Record<string, KeysCommand>> = {
  rewrap: {
    help: 'seal every private key and token with STRATOS_MASTER_KEY; can be interrupted and run again',
    run: rewrap,
  },
  'rotate-service': {
    help: 'give the service another key, and everybody another attestation; the former stays in did.json for a while',
    run: rotateService,
  },
  'retire-service': {
    help: 'take former keys of the service out of did.json, once everybody has an attestation by the present one',
    run: retireService,
  },
  list: {
    help: 'show the public keys of the service and in which forms secrets are kept',
    run: list,
  },
}

/**
 * `stratos keys …`: the keys of the service and of its users, at rest. Works on the data that STRATOS_* variables describe.
 *
 * @param argv after `keys`
 * @returns what goes to standard output
 * @throws {CliError}
 */
export async function runKeys(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  const [name = '', ...rest] = argv
  if (name === '--help' || name === '-h') return keysUsage()
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (command === undefined || rest.length > 0) throw usageError(keysUsage())
  const config = readConfig(env)
  process.umask(0o077)
  const storage = await open(config)
  try {
    return await command.run(storage, config)
  } finally {
    await storage.close()
  }
}

export function keysUsage(): string {
  const lines = Object.entries(COMMANDS).map(([name, { help }]) => `  ${name}\n      ${help}\n`)
  return `Usage: stratos keys <command>

Works on the data that STRATOS_* variables describe, as for \`stratos serve\`; with SQLite the service must be stopped.

${lines.join('')}`
}

async function open(config: Config): Promise<Storage> {
  try {
    return await openStorage(config.storage, Date.now)
  } catch (err) {
    throw new CliError(EXIT.unreachable, err instanceof Error ? err.message : String(err), { cause: err })
  }
}

async function rewrap(storage: Storage): Promise<string> {
  const rewrapped = await storage.rewrap()
  const form = storage.vault.form === CLEAR ? 'in clear, for want of STRATOS_MASTER_KEY' : 'sealed with it'
  return `${rewrapped} secrets were brought into the form of STRATOS_MASTER_KEY; all are ${form} now\n`
}

async function rotateService(storage: Storage, config: Config): Promise<string> {
  if (config.signingKey !== null) {
    throw usageError(
      'the key comes from STRATOS_SIGNING_KEY_HEX: set another one there (`openssl rand -hex 32`) and restart the service, which does the rest',
    )
  }
  const key = createSecp256k1Keypair()
  await storage.serviceKey.replace(key.export())
  const { published } = await storage.serviceKeys.adopt(key.did())
  return `the key of the service is ${key.did()} from now on\n${published.length - 1} former keys stay in did.json; start the service (with Postgres: restart every instance), wait until \`stratos admin stats\` shows no waiting jobs, and run \`stratos keys retire-service\`\n`
}

async function retireService(storage: Storage): Promise<string> {
  const { waiting, givenUp } = await storage.enrollmentJobs.count()
  if (waiting + givenUp > 0) {
    throw new CliError(
      EXIT.refused,
      `${waiting + givenUp} enrollment records still have to be written (${givenUp} of them were given up); see \`stratos admin jobs\``,
    )
  }
  return `${await storage.serviceKeys.retire()} former keys are not in did.json any more from the next start on\n`
}

async function list(storage: Storage): Promise<string> {
  const keys = (await storage.serviceKeys.list()).map(
    (key, index) => `${index === 0 ? 'present' : 'former'}  ${key}\n`,
  )
  return `${keys.join('')}secrets are kept: ${storage.secretForms.join(', ')}\n`
}
