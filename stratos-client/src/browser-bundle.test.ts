import { build } from 'esbuild'
import { expect, it } from 'vitest'

it('bundles for browsers, with nothing of Node in it', async () => {
  const entryPoint = new URL('./index.ts', import.meta.url).pathname
  const { outputFiles, warnings, metafile } = await build({
    entryPoints: [entryPoint],
    bundle: true,
    write: false,
    metafile: true,
    platform: 'browser',
    format: 'esm',
    target: 'es2022',
    logLevel: 'silent',
  })
  expect(warnings).toEqual([])
  const imports = Object.values(metafile.inputs).flatMap((input) => input.imports.map(({ path }) => path))
  expect(imports.filter((path) => path.startsWith('node:'))).toEqual([])
  // What is asked of `globalThis` first is only used where it is.
  expect(outputFiles[0]?.text).not.toMatch(/(?<![.\w])(process\.(env|cwd|nextTick)\b|Buffer\.from\b)/)
})
