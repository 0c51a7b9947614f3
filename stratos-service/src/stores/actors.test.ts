import {
  actorsContract,
  blobIndexContract,
  eventLogContract,
  recordStoreContract,
  repoStoreContract,
} from 'stratos-core/testing'
import { describeEachDatabase } from '../../tests/_util/databases.ts'

describeEachDatabase('Actors', (database) => actorsContract(() => database().storage.actors))
describeEachDatabase('RepoStore', (database) => repoStoreContract(() => database().storage.actors))
describeEachDatabase('RecordStore', (database) => recordStoreContract(() => database().storage.actors))
describeEachDatabase('EventLog', (database) => eventLogContract(() => database().storage.actors))
describeEachDatabase('BlobIndex', (database) => blobIndexContract(() => database().storage.actors))
