import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { CliError, EXIT, usageError } from './cli-error.ts'

/**
 * Finds the operator's password: in a file, in STRATOS_ADMIN_PASSWORD, or by asking at a terminal. Never among the arguments,
 * which every account of a machine can see.
 */
export async function readPassword(file: string | undefined, env: NodeJS.ProcessEnv): Promise<string> {
  if (file !== undefined) return readPasswordFile(file)
  const given = env['STRATOS_ADMIN_PASSWORD']
  if (given !== undefined && given !== '') return given
  if (!process.stdin.isTTY) {
    throw usageError('set STRATOS_ADMIN_PASSWORD, or name a file with --password-file')
  }
  return ask()
}

async function readPasswordFile(file: string): Promise<string> {
  try {
    // An editor ends the last line.
    return (await readFile(file, 'utf8')).replace(/\r?\n$/, '')
  } catch (err) {
    const reason = err instanceof Error ? err.message : String(err)
    throw new CliError(EXIT.usage, `the password cannot be read: ${reason}`, { cause: err })
  }
}

async function ask(): Promise<string> {
  process.stderr.write('Password of the administrator: ')
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const prompt = createInterface({ input: process.stdin, output: silent, terminal: true })
  try {
    return await prompt.question('')
  } finally {
    prompt.close()
    process.stderr.write('\n')
  }
}
