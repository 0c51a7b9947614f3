import { expect, it } from 'vitest'
import { SideBySide } from './side-by-side.ts'

function recorder() {
  const places: string[] = []
  const pool = new SideBySide()
  const ends: PromiseWithResolvers<void>[] = []
  const run = (name: string): Promise<string> =>
    pool.run(
      () => {
        places.push(`${name} here`)
        return name
      },
      async () => {
        places.push(`${name} on a thread`)
        const end = Promise.withResolvers<void>()
        ends.push(end)
        await end.promise
        return name
      },
    )
  return { places, run, endAll: () => ends.splice(0).forEach(({ resolve }) => resolve()) }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

it('does here what is asked for alone, and on threads what is asked for together', async () => {
  const { places, run, endAll } = recorder()
  expect(await run('a')).toBe('a')
  const both = Promise.all([run('b'), run('c')])
  await turn()
  endAll()
  expect(await both).toEqual(['b', 'c'])
  expect(await run('d')).toBe('d')
  expect(places).toEqual(['a here', 'b on a thread', 'c on a thread', 'd here'])
})

it('does nothing here while threads are busy', async () => {
  const { places, run, endAll } = recorder()
  const both = Promise.all([run('a'), run('b')])
  await turn()
  const third = run('c')
  await turn()
  endAll()
  await both
  expect(await third).toBe('c')
  expect(places).toEqual(['a on a thread', 'b on a thread', 'c on a thread'])
})

it('hands on what fails, here and on a thread, and goes on', async () => {
  const pool = new SideBySide()
  const fail = () => {
    throw new Error('no')
  }
  await expect(pool.run(fail, async () => 1)).rejects.toThrow('no')
  const failing = [1, 2].map(() => pool.run(fail, async () => fail()))
  for (const one of await Promise.allSettled(failing)) expect(one.status).toBe('rejected')
  expect(await pool.run(() => 1, fail)).toBe(1)
})
