import { describe, expect, it } from 'vitest'
import { FetchGate } from './fetch-gate.ts'

const OPTIONS = { total: 8, perHost: 2, maxWaiting: 3, trustedHosts: new Set(['directory']) }

function setUp() {
  const gate = new FetchGate(OPTIONS)
  const ends: (() => void)[] = []
  let active = 0
  const ask = (host: string, signal: AbortSignal = new AbortController().signal) =>
    gate.run(host, signal, async () => {
      active += 1
      await new Promise<void>((resolve) => ends.push(resolve))
      active -= 1
      return host
    })
  return { ask, ends, activeNow: () => active }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('FetchGate', () => {
  it('SSR-007: asks one host twice at a time, and others meanwhile', async () => {
    const { ask, ends, activeNow } = setUp()
    const slow = [ask('a'), ask('a'), ask('a')]
    const other = ask('b')
    await turn()
    expect(activeNow()).toBe(3)
    for (let i = 0; i < 4; i++) {
      ends.shift()?.()
      await turn()
    }
    expect(await Promise.all([...slow, other])).toEqual(['a', 'a', 'a', 'b'])
  })

  it('keeps places for the directory whatever strangers\u2019 hosts do', async () => {
    const { ask, activeNow } = setUp()
    for (const host of ['a', 'b', 'c', 'd', 'e']) void ask(host)
    await turn()
    expect(activeNow()).toBe(4)
    for (let i = 0; i < 5; i++) void ask('directory').catch(() => undefined)
    await turn()
    expect(activeNow()).toBe(8)
  })

  it('SVC-017: turns away whoever would have to wait behind too many', async () => {
    const { ask } = setUp()
    for (let i = 0; i < 5; i++) void ask('a')
    await expect(ask('a')).rejects.toMatchObject({ code: 'ServiceUnavailable' })
  })

  it('forgets who no longer waits', async () => {
    const { ask, ends } = setUp()
    const first = [ask('a'), ask('a')]
    const impatient = new AbortController()
    const given = ask('a', impatient.signal)
    const patient = ask('a')
    impatient.abort(new Error('too long'))
    await expect(given).rejects.toThrow('too long')
    await turn()
    for (const end of ends.splice(0)) end()
    await Promise.all(first)
    await turn()
    for (const end of ends.splice(0)) end()
    expect(await patient).toBe('a')
  })
})
