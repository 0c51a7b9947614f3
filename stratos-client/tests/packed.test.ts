/** What `pnpm publish` would send, built and packed. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const run = promisify(execFile)
const root = join(import.meta.dirname, '..')
const directory = mkdtempSync(join(tmpdir(), 'stratos-packed-'))
let tarball: Buffer<ArrayBuffer>

beforeAll(async () => {
  await run(
    process.execPath,
    [join(root, '../node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'],
    {
      cwd: root,
    },
  )
  // pnpm puts `publishConfig` and the versions of the workspace into place.
  const { stdout } = await run('pnpm', ['pack', '--json', '--pack-destination', directory], { cwd: root })
  const { filename } = JSON.parse(stdout) as { filename: string }
  tarball = readFileSync(join(directory, filename.split('/').at(-1) ?? '')) as Buffer<ArrayBuffer>
}, 240_000)
afterAll(() => rmSync(directory, { recursive: true }))

describe('the packed package', () => {
  it('has what it runs by, its README and its licence, and no tests', async () => {
    const files = createPackageFromTarballData(tarball)
      .listFiles()
      .map((path) => path.replace('/node_modules/stratos-client/', ''))
    expect(files.filter((path) => !path.startsWith('dist/')).toSorted()).toEqual([
      'LICENSE',
      'README.md',
      'package.json',
    ])
    expect(files).toEqual(expect.arrayContaining(['dist/index.js', 'dist/index.d.ts']))
    expect(files.filter((path) => path.includes('.test.'))).toEqual([])
  })

  it('is as package managers and bundlers want it', async () => {
    const { buffer, byteOffset, byteLength } = tarball
    const packed = { tarball: buffer.slice(byteOffset, byteOffset + byteLength) }
    const { messages } = await publint({ pack: packed, strict: true })
    expect(messages).toEqual([])
  })

  it('has types wherever ES modules are resolved', async () => {
    const result = await checkPackage(createPackageFromTarballData(tarball))
    if (result.types === false) throw new Error('there are no types')
    // CommonJS and the resolution of old Node versions are not served.
    const served = result.problems.filter(
      (problem) =>
        !('resolutionKind' in problem) ||
        problem.resolutionKind === 'bundler' ||
        problem.resolutionKind === 'node16-esm',
    )
    expect(served).toEqual([])
    expect(result.entrypoints['.']?.resolutions.bundler.resolution?.isTypeScript).toBe(true)
  })
})
