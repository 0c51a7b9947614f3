/** What the package promises about itself: its size, its declarations, its documentation. */
import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { describe, expect, it } from 'vitest'
import { describeExports } from '../../scripts/generate-client-reference.ts'
import * as sdk from '../src/index.ts'
import { serve } from './_util/scripted-server.ts'

const root = join(import.meta.dirname, '..')
const MAX_GZIPPED_BYTES = 40_000

async function bundle(contents: string, external: string[]) {
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: join(root, 'src'), loader: 'ts' },
    bundle: true,
    write: false,
    minify: true,
    metafile: true,
    platform: 'browser',
    format: 'esm',
    target: 'es2022',
    external,
    logLevel: 'silent',
  })
  return { bytes: outputFiles[0]!.contents, inputs: Object.keys(Object.values(metafile.outputs)[0]!.inputs) }
}

describe('the package', () => {
  it('has at most 40 kB, minified and gzipped, without @atproto/api', async () => {
    const { bytes } = await bundle(`export * from './index.ts'`, ['@atproto/api'])
    expect(gzipSync(bytes).byteLength).toBeLessThanOrEqual(MAX_GZIPPED_BYTES)
  })

  it('leaves out what is not used, and @atproto/api with it', async () => {
    const { bytes, inputs } = await bundle(`export { createStratosFetchHandler } from './index.ts'`, [])
    expect(inputs.filter((path) => path.includes('@atproto/api'))).toEqual([])
    expect(gzipSync(bytes).byteLength).toBeLessThanOrEqual(15_000)
  })

  it('has a docstring for each function that it exports', async () => {
    const functions = describeExports().filter(({ kind }) => kind === 'function' || kind === 'class')
    const runtime = Object.entries(sdk).filter(([, value]) => typeof value === 'function')
    expect(functions.map(({ name }) => name).toSorted()).toEqual(runtime.map(([name]) => name).toSorted())
    const without = functions.filter(({ doc }) => doc === '').map(({ name }) => name)
    expect(without.length / functions.length, without.join()).toBeLessThanOrEqual(0.05)
  }, 120_000)

  it('names every error that a lexicon documents', () => {
    const folder = join(root, '../lexicons/zone')
    const documented = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.json'))
      .flatMap((path) => namesOfErrors(JSON.parse(readFileSync(join(folder, path), 'utf8'))))
    const missing = [...new Set(documented)].filter((name) => !isKnown(name))
    expect(missing).toEqual([])
  })

  it('is described by the reference of the documentation as it is', () => {
    const script = join(root, '../scripts/generate-client-reference.ts')
    expect(execFileSync(process.execPath, [script, '--check'], { encoding: 'utf8' })).toBe('')
  }, 120_000)

  it('has snippets in its README and documentation that are those of the examples, which tests run', () => {
    const script = join(root, '../scripts/embed-examples.ts')
    expect(execFileSync(process.execPath, [script, '--check'], { encoding: 'utf8' })).toBe('')
  })
})

describe('a request that failed', () => {
  it.each([
    ['a write', 'zone.stratos.repo.createRecord', 429, 3],
    ['a write that may have been done', 'zone.stratos.repo.createRecord', 503, 1],
    ['a reading procedure', 'zone.stratos.repo.hydrateRecords', 503, 3],
  ])('of %s to %s with %i is sent %i times', async (_, method, status, times) => {
    const waits: number[] = []
    await using service = await serve((request) =>
      request.url.startsWith('/.well-known')
        ? { body: { id: 'did:web:localhost', service: [{ type: 'StratosService' }] } }
        : { status, headers: { 'retry-after': '2' }, body: { error: 'RateLimitExceeded' } },
    )
    const session = { fetchHandler: (url: string, init?: RequestInit) => fetch(url, init) }
    const wait = async (ms: number) => void waits.push(ms)
    const handle = sdk.createStratosFetchHandler(session, service.url, {
      auth: 'session-key',
      retry: { attempts: 3, wait },
    })
    const response = await handle(`/xrpc/${method}`, { method: 'POST', body: '{}' })
    expect(response.status).toBe(status)
    expect(service.requests.filter(({ url }) => url.includes(method))).toHaveLength(times)
    expect(waits).toHaveLength(times - 1)
    expect(waits.every((ms) => ms >= 2000 && ms < 3000)).toBe(true)
  })
})

const isKnown = (name: string) => (sdk.STRATOS_ERROR_NAMES as readonly string[]).includes(name)

function namesOfErrors(lexicon: { defs: { main?: { errors?: { name: string }[] } } }): string[] {
  return (lexicon.defs.main?.errors ?? []).map(({ name }) => name)
}
