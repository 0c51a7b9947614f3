import { useDatabase } from './_util/network.ts'

useDatabase({ storage: 'postgres', layout: 'shared' })
await import('./life-cycle-crash.test.ts')
