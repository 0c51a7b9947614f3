import { parseArgs } from 'node:util'
import { AdminClient } from './admin-client.ts'
import { ADMIN_COMMANDS, showMembers, type AdminCommand } from './admin-commands.ts'
import { usageError } from './cli-error.ts'
import { readPassword } from './password.ts'

const OPTIONS = {
  url: { type: 'string' },
  'password-file': { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  boundary: { type: 'string' },
  limit: { type: 'string' },
  did: { type: 'string' },
  state: { type: 'string' },
  subject: { type: 'string' },
  reason: { type: 'string' },
  yes: { type: 'boolean' },
} as const
const COMMON = new Set(['url', 'password-file', 'json', 'help'])

/**
 * `stratos admin …`: what operators do, against a running service or directly on its data.
 *
 * @param argv after `admin`
 * @returns what goes to standard output
 * @throws {CliError}
 */
export async function runAdmin(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  const { values, positionals } = parse(argv)
  const [name, ...args] = positionals
  if (name === undefined) {
    if (values.help === true) return adminUsage()
    throw usageError(adminUsage())
  }
  const command = Object.hasOwn(ADMIN_COMMANDS, name) ? ADMIN_COMMANDS[name] : undefined
  if (command === undefined) throw usageError(`there is no command "${name}"\n\n${adminUsage()}`)
  if (values.help === true) return `${usageOf(name, command)}\n\n${command.help}\n`
  for (const option of Object.keys(values)) {
    const known = COMMON.has(option) || command.options?.includes(option) === true
    if (!known) throw usageError(`${name} has no option --${option}\n${usageOf(name, command)}`)
  }
  checkCount(name, command, args)

  await using service = await connect(values.url, values['password-file'], env)
  const answer = await command.run(service.client, { args, options: values })
  if (values.json === true) return `${JSON.stringify(answer, null, 2)}\n`
  return (command.show ?? showMembers)(answer)
}

export function adminUsage(): string {
  const lines = Object.entries(ADMIN_COMMANDS).map(([name, command]) => {
    const options = (command.options ?? []).map((option) =>
      OPTIONS[option as keyof typeof OPTIONS].type === 'boolean' ? `--${option}` : `[--${option} …]`,
    )
    return `  ${[name, command.args, ...options].filter((part) => part !== '').join(' ')}\n      ${command.help}\n`
  })
  return `Usage: stratos admin [--url URL] [--password-file FILE] [--json] <command> …

With --url the command talks to a running service; the password is taken from the file, from STRATOS_ADMIN_PASSWORD, or
asked for. Without it the command works on the data that STRATOS_* variables describe, as for \`stratos serve\`; with SQLite
the service must be stopped then. A boundary is a bare name or qualified.

${lines.join('')}
Status: 0 done, 1 refused, 2 wrong usage, 3 the service or its data cannot be reached.
`
}

function usageOf(name: string, { args }: AdminCommand): string {
  return `Usage: stratos admin ${name} ${args}`.trimEnd()
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true, strict: true })
  } catch (err) {
    throw usageError(err instanceof Error ? err.message : String(err))
  }
}

function checkCount(name: string, command: AdminCommand, args: readonly string[]): void {
  const required = command.args.match(/<[^>]+>/g)?.length ?? 0
  const open = command.args.includes('…')
  if (args.length >= required && (open || args.length === required)) return
  throw usageError(usageOf(name, command))
}

interface Connected extends AsyncDisposable {
  readonly client: AdminClient
}

async function connect(
  url: string | undefined,
  passwordFile: string | undefined,
  env: NodeJS.ProcessEnv,
): Promise<Connected> {
  if (url === undefined) {
    // Loaded on demand: it is the whole service.
    const { openDirect } = await import('./direct.ts')
    return openDirect(env)
  }
  const origin = URL.parse(url)
  if (origin === null || !(origin.protocol === 'https:' || isOnThisMachine(origin))) {
    throw usageError('--url must be https, or http on this machine: the password goes with every request')
  }
  const password = await readPassword(passwordFile, env)
  return { client: new AdminClient(origin.origin, password), [Symbol.asyncDispose]: async () => undefined }
}

function isOnThisMachine({ protocol, hostname }: URL): boolean {
  return protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(hostname)
}
