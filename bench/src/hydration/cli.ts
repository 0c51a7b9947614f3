#!/usr/bin/env node
import { setTimeout as pause } from 'node:timers/promises'
import { ProofClient, startNetwork, type Network } from 'test-network'
import { mapConcurrently } from '../map-concurrently.ts'
import { readUsage } from '../service-usage.ts'
import { percentile, significant } from '../statistics.ts'
import { CONCURRENT_SIGN_INS, enrollUsers } from '../users.ts'
import { seedPosts } from '../workloads/posts.ts'

/**
 * Asks for pages of a feed at a steady rate, whether or not earlier ones are answered, and measures how long they take; see
 * bench/README.md.
 */
const PER_SECOND = 50
const PAGE = 100
const WARM_UP_SECONDS = 5
const storage = process.argv.includes('--postgres') ? 'postgres' : 'sqlite'
const seconds = Number(process.argv.find((arg) => /^\d+$/.test(arg)) ?? 60)

const network = await startNetwork({
  storage,
  serviceEnv: { STRATOS_WRITE_RATE_MAX_WRITES: '1000000', STRATOS_STUBS: 'off', STRATOS_LOG_LEVEL: 'warn' },
})
try {
  const [reader, ...authors] = await signInAll(network, PAGE + 1)
  if (reader === undefined) throw new Error('there is nobody')
  const site = { serviceDid: network.serviceDid, users: authors }
  const pages = {
    authors: await mapConcurrently(authors, CONCURRENT_SIGN_INS, async (author) => {
      const [uri = ''] = await seedPosts(site, author, 1)
      return uri
    }),
    oneAuthor: await seedPosts(site, authors[0] ?? reader, PAGE),
  }
  for (const [kind, uris] of Object.entries(pages)) {
    await ask(network, reader.client, uris, WARM_UP_SECONDS)
    const measured = await ask(network, reader.client, uris, seconds)
    process.stdout.write(`${JSON.stringify({ storage, kind, ...measured })}\n`)
  }
} finally {
  await network.close()
}

async function signInAll(on: Network, count: number) {
  const accounts = await enrollUsers(on, count, (line) => process.stderr.write(`${line}\n`))
  return mapConcurrently(accounts, CONCURRENT_SIGN_INS, async (account) => ({
    did: account.did,
    client: await ProofClient.signIn(on, account),
  }))
}

async function ask(on: Network, client: ProofClient, uris: readonly string[], lastsSeconds: number) {
  const usage = () => (on.service.pid === null ? null : readUsage(on.service.pid))
  const before = usage()
  const body = { uris }
  const startedAt = performance.now()
  const latenciesMs: number[] = []
  const askAt = async (dueMs: number) => {
    const call = () => client.call('POST', 'zone.stratos.repo.hydrateRecords', { body })
    // A connection that was idle may be closed in the moment in which it is used again.
    const { status, body: answer } = await call().catch(call)
    if (status !== 200 || answer.records.length !== uris.length) throw new Error(`answered with ${status}`)
    // What an answer has waited for because of earlier ones counts.
    latenciesMs.push(performance.now() - dueMs)
  }
  const asked: Promise<void>[] = []
  for (let number = 0; number < lastsSeconds * PER_SECOND; number += 1) {
    const dueMs = startedAt + (number * 1000) / PER_SECOND
    const earlyMs = dueMs - performance.now()
    if (earlyMs > 0) await pause(earlyMs)
    asked.push(askAt(dueMs))
  }
  await Promise.all(asked)
  const after = usage()
  const at = (share: number) => significant(percentile(latenciesMs, share))
  const cpuMs = before === null || after === null ? null : after.cpuMs - before.cpuMs
  return {
    requests: latenciesMs.length,
    ...{ p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99), maxMs: at(1) },
    cpuMsPerRequest: cpuMs === null ? null : significant(cpuMs / latenciesMs.length),
    moreFileDescriptors: (after?.fileDescriptors ?? Number.NaN) - (before?.fileDescriptors ?? Number.NaN),
  }
}
