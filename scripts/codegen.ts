/**
 * Generates the TypeScript lexicon schemas in `stratos-core/src/lexicons` from the JSON in `lexicons/`.
 *
 * With `--if-changed` it does nothing while the JSON and the generator's version are those of the last run.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const root = join(import.meta.dirname, '..')
const source = join(root, 'lexicons')
const target = join(root, 'stratos-core/src/lexicons')
const stamp = join(root, '.cache/lexicons')

const require = createRequire(import.meta.url)
const generator = join(dirname(dirname(require.resolve('@atproto/lex'))), 'bin/lex')

function fingerprint(): string {
  const hash = createHash('sha256')
  hash.update(readFileSync(join(dirname(dirname(generator)), 'package.json')))
  hash.update(readFileSync(import.meta.filename))
  for (const file of globSync('**/*.json', { cwd: source }).sort()) {
    hash
      .update(file)
      .update('\0')
      .update(readFileSync(join(source, file)))
  }
  return hash.digest('hex')
}

const wanted = fingerprint()
const unchanged = existsSync(target) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted
if (!(process.argv.includes('--if-changed') && unchanged)) {
  const options = [
    '--lexicons',
    source,
    '--out',
    target,
    '--clear',
    '--no-pretty',
    '--index-file',
    '--import-ext',
    '.ts',
  ]
  execFileSync(process.execPath, [generator, 'build', ...options], { stdio: ['ignore', 'ignore', 'inherit'] })
  mkdirSync(dirname(stamp), { recursive: true })
  writeFileSync(stamp, wanted)
}
