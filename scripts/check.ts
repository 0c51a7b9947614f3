/**
 * Everything that has to hold before a change lands: `npm test` runs this. Each step says what it does; the first failing
 * one ends the run.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { installSystemPackages } from './system-packages.ts'

const root = join(import.meta.dirname, '..')
const bin = (name: string) => join(root, 'node_modules/.bin', name)

const say = (text: string) => process.stderr.write(`\x1b[1m[check]\x1b[0m ${text}\n`)

function run(what: string, command: string, args: readonly string[], cwd = root): void {
  const startedAt = Date.now()
  say(what)
  const { status, error } = spawnSync(command, args, { cwd, stdio: 'inherit' })
  if (error !== undefined) throw error
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1)
  if (status !== 0) {
    say(`${what}: failed after ${seconds} s`)
    process.exit(status ?? 1)
  }
  say(`${what}: ${seconds} s`)
}

const only = process.argv.slice(2)
if (only.length === 0) {
  installSystemPackages(say)
  run('format', bin('prettier'), ['--check', '.', '--log-level', 'warn'])
  run('lint and layering', bin('eslint'), ['.'])
  run('types', bin('tsc'), ['-p', 'tsconfig.json'])
  // As published: without the types that tests and web pages bring along.
  for (const name of ['stratos-core', 'stratos-service', 'stratos-indexer']) {
    run(`types of ${name}`, bin('tsc'), ['-p', `${name}/tsconfig.build.json`, '--noEmit'])
  }
  run(
    'types of the web app',
    join(root, 'webapp/node_modules/.bin/svelte-check'),
    ['--tsconfig', './tsconfig.json', '--fail-on-warnings'],
    join(root, 'webapp'),
  )
}
run('tests', bin('vitest'), ['run', ...only])
