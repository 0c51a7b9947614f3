import { jobQueueContract, newDid, type QueueAccess } from 'stratos-core/testing'
import { describeEachDatabase } from '../../tests/_util/databases.ts'

describeEachDatabase('JobQueue', (database) =>
  jobQueueContract(async (): Promise<QueueAccess> => {
    const { actors } = database().storage
    const did = newDid()
    await actors.create(did)
    return (work) => actors.transact(did, ({ stubs }) => work(stubs))
  }),
)
