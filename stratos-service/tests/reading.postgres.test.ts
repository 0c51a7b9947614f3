import { useDatabase } from './_util/network.ts'

/** The same tests with another database. */
useDatabase({ storage: 'postgres', layout: 'schema' })
await import('./reading.test.ts')
