import { existsSync } from 'node:fs'
import { build } from 'esbuild'
import { chromium } from 'playwright-core'
import { CHROMIUM, startNetwork } from 'test-network'
import { describe, expect, it } from 'vitest'
import { serve } from './_util/scripted-server.ts'

// Without a browser there is nothing to drive; `npm test` says so, and in CI refuses to go on.
describe.skipIf(!existsSync(CHROMIUM.executablePath))('the SDK in Chromium', () => {
  it('runs every example of the README', { timeout: 240_000 }, async () => {
    const network = await startNetwork({ enrolled: true })
    const browser = await chromium.launch(CHROMIUM)
    const entry = new URL('./_util/browser-entry.ts', import.meta.url).pathname
    const options = {
      bundle: true,
      write: false,
      platform: 'browser',
      format: 'iife',
      target: 'es2022',
    } as const
    const { outputFiles } = await build({ ...options, entryPoints: [entry], logLevel: 'silent' })
    await using app = await serve(() => ({
      headers: { 'content-type': 'text/html' },
      body: '<!doctype html>',
    }))
    try {
      const page = await browser.newPage()
      await page.goto(app.url)
      await page.addScriptTag({ content: outputFiles[0]!.text })
      const { handle, password } = network.accounts[0]!
      const { pdsUrl, plcUrl, serviceUrl, serviceDid } = network
      const given = { pdsUrl, plcUrl, serviceUrl, serviceDid, handle, password }
      const result = await page.evaluate(`runExamples(${JSON.stringify(given)})`)
      expect(result).toMatchObject({
        level: 'user-signature',
        levels: ['user-signature'],
        group: 1,
        domains: expect.arrayContaining([`${serviceDid}/writers`]),
        followed: expect.stringMatching(/^create zone\.stratos\.feed\.post\//),
        imported: 1,
      })
    } finally {
      await browser.close()
      await network.close()
    }
  })
})
