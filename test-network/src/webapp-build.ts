import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, globSync, renameSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const root = join(import.meta.dirname, '../..')
const webapp = join(root, 'webapp')
const dist = join(webapp, 'dist')

/** What the built app is made of. */
const SOURCES = [
  'webapp/{index.html,package.json,vite.config.*,svelte.config.*,tsconfig.json}',
  'webapp/{src,public}/**/*',
  'stratos-{client,core}/src/**/*.ts',
]

/**
 * Builds the web app with Vite, unless what was built last is newer than every source.
 *
 * @returns the directory of the built app
 * @throws {Error} with Vite's output when it fails
 */
export async function buildWebapp(log: (line: string) => void): Promise<string> {
  if (isFresh()) return dist
  log('building the web app …')
  // Built aside and then put in place: another network may be serving the old one.
  const aside = `node_modules/.dist-${process.pid}`
  const require = createRequire(join(webapp, 'package.json'))
  const vite = join(dirname(require.resolve('vite/package.json')), 'bin/vite.js')
  const child = spawn(process.execPath, [vite, 'build', '--outDir', aside, '--logLevel', 'warn'], {
    cwd: webapp,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => (output += chunk))
  }
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) {
    rmSync(join(webapp, aside), { recursive: true, force: true })
    throw new Error(`the web app could not be built:\n${output}`)
  }
  putInPlace(join(webapp, aside))
  return dist
}

function putInPlace(built: string): void {
  for (let attempt = 1; ; attempt++) {
    rmSync(dist, { recursive: true, force: true })
    try {
      return renameSync(built, dist)
    } catch (err) {
      // Another network may have put its own there since the line above.
      const occupied =
        err instanceof Error && 'code' in err && (err.code === 'ENOTEMPTY' || err.code === 'EEXIST')
      if (!occupied || attempt === 5) throw err
    }
  }
}

function isFresh(): boolean {
  const built = join(dist, 'index.html')
  if (!existsSync(built)) return false
  const builtAt = statSync(built).mtimeMs
  return globSync(SOURCES, { cwd: root }).every((file) => statSync(join(root, file)).mtimeMs <= builtAt)
}
