import { newActor } from 'stratos-core/testing'
import { expect, it } from 'vitest'
import { describeEachDatabase } from '../../tests/_util/databases.ts'
import { Retention } from './retention.ts'

const DAY_MS = 86_400_000

describeEachDatabase('Retention', (database) => {
  it('forgets what is older than it is to be kept, and goes on counting', { timeout: 60_000 }, async () => {
    const { storage, clock } = database()
    const { actors, feeds } = storage
    const did = await newActor(actors)
    const append = (ageDays: number, count = 1) =>
      actors.transact(did, async ({ events }) => {
        let seq = 0
        for (let index = 0; index < count; index += 1) {
          seq = await events.append(Buffer.from('x'), clock.nowMs - ageDays * DAY_MS)
        }
        return seq
      })
    await append(40, 600)
    await append(1)
    const retention = new Retention({
      actors,
      enrollments: { list: async (after) => (after === '' ? [{ did }] : []) as never },
      feeds,
      keepMs: 30 * DAY_MS,
      nowMs: () => clock.nowMs,
      onError: (err) => {
        throw err
      },
    })
    await retention.run()
    const read = () => actors.read(did, ({ events }) => Promise.all([events.oldestSeq(), events.latestSeq()]))
    expect(await read()).toEqual([601, 601])
    expect(await append(0)).toBe(602)
    await retention.stop()
  })
})
