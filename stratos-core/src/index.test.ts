import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import { createContext, runInContext } from 'node:vm'
import { build } from 'esbuild'
import { describe, expect, it } from 'vitest'

async function bundle(entry: string) {
  return build({
    entryPoints: [join(import.meta.dirname, entry)],
    bundle: true,
    write: false,
    metafile: true,
    platform: 'browser',
    format: 'iife',
    globalName: 'core',
    logLevel: 'silent',
  })
}

describe('the root export', () => {
  it('bundles for browsers, without anything of Node', async () => {
    const { metafile, warnings } = await bundle('index.ts')
    const imported = Object.values(metafile.inputs).flatMap(({ imports }) => imports.map(({ path }) => path))
    expect(imported.filter((path) => isBuiltin(path))).toEqual([])
    expect(Object.keys(metafile.inputs).filter((path) => path.includes('@atproto/repo'))).toEqual([])
    expect(warnings).toEqual([])
  })

  it('works where there is nothing but what a browser has', async () => {
    const { outputFiles } = await bundle('index.ts')
    const browser = createContext({ TextEncoder, TextDecoder, URL, crypto, atob, btoa })
    runInContext(outputFiles[0]?.text ?? '', browser)
    const cid = await runInContext(
      'core.encodeRecord({ text: "hello" }).then(({ cid }) => String(cid))',
      browser,
    )
    expect(cid).toBe('bafyreidefdycgbfy3oglcb6ism3eqhyp5llsrpzxjsuac2gsy4mtrtx244')
    const verified = runInContext(`core.verifyAttestation(${ATTESTED}, 'did:key:zother')`, browser)
    await expect(verified).rejects.toMatchObject({ code: 'InvalidRecord' })
  })

  it('is told apart from code that needs Node', async () => {
    await expect(bundle('repo/index.ts')).rejects.toThrow(/node:crypto/)
  })
})

const ATTESTED = `{ did: 'did:plc:alice', boundaries: [], signingKey: 'did:key:z' },
  { sig: new Uint8Array(64), signingKey: 'did:key:zother' }`
