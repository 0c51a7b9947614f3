import { useDatabase } from './_util/network.ts'

/** The same tests with another database. */
useDatabase({ storage: 'postgres', layout: 'shared' })
await import('./public-repo.test.ts')
