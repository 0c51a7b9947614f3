#!/usr/bin/env node
/** Measures the indexer: how soon, how fast, and how much a page costs; see bench/README.md. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDatabase, startPostgres } from 'test-network'
import type { DatabaseSettings } from 'stratos-indexer'
import { measureAddedServices } from './added-services.ts'
import { measureCatchUp } from './catch-up.ts'
import { measureLatency } from './latency.ts'
import { measureTimeline } from './timeline.ts'

const PARTS = ['latency', 'catch-up', 'timeline', 'services'] as const
const args = process.argv.slice(2)
const storage = args.includes('--postgres') ? 'postgres' : 'sqlite'
const chosen = PARTS.filter((part) => args.includes(part))
/** For trying out: the figures of a small run mean nothing. */
const isSmall = args.includes('--small')

const directory = mkdtempSync(join(tmpdir(), 'stratos-bench-indexer-'))
const postgres = storage === 'postgres' ? await startPostgres() : null
let databases = 0
/** Settings of a new and empty database. */
async function settings(): Promise<DatabaseSettings> {
  databases += 1
  if (postgres === null) return { kind: 'sqlite', file: join(directory, `${databases}.sqlite`) }
  const name = `bench${databases}`
  await createDatabase(postgres.url('postgres'), name)
  return { kind: 'postgres', url: postgres.url(name), schema: 'bsky', poolSize: 4 }
}

const parts = {
  latency: () => measureLatency(storage, isSmall ? 20 : 300),
  'catch-up': () => measureCatchUp(settings, directory, isSmall ? 2_000 : 50_000),
  timeline: () => measureTimeline(settings, isSmall ? [1_000, 10_000] : [10_000, 1_000_000]),
  services: () => measureAddedServices(settings, directory, isSmall ? 3 : 21),
}
try {
  const result: Record<string, unknown> = { storage }
  for (const part of chosen.length === 0 ? PARTS : chosen) {
    process.stderr.write(`${part} …\n`)
    result[part] = await parts[part]()
    process.stderr.write(`${part}: ${JSON.stringify(result[part])}\n`)
  }
  process.stdout.write(`${JSON.stringify(result)}\n`)
} finally {
  await postgres?.close()
  rmSync(directory, { recursive: true, force: true })
}
