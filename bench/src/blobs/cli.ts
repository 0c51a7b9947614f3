#!/usr/bin/env node
import { randomBytes } from 'node:crypto'
import { ProofClient, startNetwork } from 'test-network'
import { startS3Server, type S3Server } from 'test-network/s3'
import { download, upload } from '../archives/transfer.ts'
import { watchMemory } from '../service-usage.ts'
import { median, significant } from '../statistics.ts'
import { createBucket, FileCopies, S3Copies, type PlainCopies } from './plain-copies.ts'

/** Measures upload and download of large blobs next to plain copies of as many bytes; see bench/README.md. */
const ROUNDS = 3
const BUCKET = 'bench'
const sizeMiB = Number(process.argv.find((arg) => /^\d+$/.test(arg)) ?? 50)
const bytes = sizeMiB * 2 ** 20
const closers: (() => Promise<void>)[] = []

try {
  const server = process.argv.includes('--s3') ? await startS3Server() : null
  if (server !== null) closers.push(() => server.close())
  process.stdout.write(`${JSON.stringify(await measure(server))}\n`)
} finally {
  for (const close of closers.reverse()) await close()
}

async function measure(server: S3Server | null) {
  if (server !== null) await createBucket(server, BUCKET)
  const network = await startNetwork({
    enrolled: true,
    serviceEnv: {
      STRATOS_BLOB_MAX_BYTES: String(bytes),
      STRATOS_STUBS: 'off',
      STRATOS_LOG_LEVEL: 'warn',
      ...(server === null ? {} : s3Env(server)),
    },
  })
  closers.push(() => network.close())
  const [alice] = network.accounts
  if (alice === undefined) throw new Error('there is nobody')
  const client = await ProofClient.signIn(network, alice)
  const plain: PlainCopies =
    server === null ? new FileCopies(network.directory) : new S3Copies(server, BUCKET)
  closers.push(() => plain.close())

  const uploads: Sample[] = []
  const downloads: Sample[] = []
  for (let round = 0; round <= ROUNDS; round++) {
    const content = randomBytes(bytes)
    content.write('\x89PNG\r\n\x1a\n', 'latin1')
    await client.call('GET', 'zone.stratos.server.listDomains')
    const sending = await watchMemory(network.service.pid, () =>
      upload(client.url('com.atproto.repo.uploadBlob'), client, content, 'image/png'),
    )
    const { blob } = JSON.parse(sending.result.bytes.toString()) as { blob: { ref: { $link: string } } }
    await publish(client, alice.did, network.serviceDid, blob)
    const url = client.url('com.atproto.sync.getBlob', { did: alice.did, cid: blob.ref.$link })
    const receiving = await watchMemory(network.service.pid, () => download(url, client))
    if (!receiving.result.bytes.equals(content)) throw new Error('what came back is something else')
    const floor = await plain.copy(content)
    process.stderr.write(
      `up ${sending.result.ms} (${floor.writeMs}), down ${receiving.result.ms} (${floor.readMs})\n`,
    )
    // The first is for warming up.
    if (round === 0) continue
    uploads.push({ ms: sending.result.ms, floorMs: floor.writeMs, growthMiB: sending.growthMiB })
    downloads.push({ ms: receiving.result.ms, floorMs: floor.readMs, growthMiB: receiving.growthMiB })
  }
  return {
    storage: server === null ? 'disk' : 's3',
    sizeMiB,
    upload: summary(uploads),
    download: summary(downloads),
  }
}

interface Sample {
  readonly ms: number
  readonly floorMs: number
  readonly growthMiB: number
}

function summary(samples: readonly Sample[]) {
  return {
    mibPerSecond: significant((sizeMiB / median(samples.map(({ ms }) => ms))) * 1000),
    speedOfPlain: significant(median(samples.map(({ ms, floorMs }) => floorMs / ms))),
    growthMiB: significant(Math.max(...samples.map(({ growthMiB }) => growthMiB))),
  }
}

/** A blob can be read when a record refers to it. */
async function publish(client: ProofClient, did: string, serviceDid: string, blob: object): Promise<void> {
  const record = {
    $type: 'zone.stratos.feed.post',
    text: 'large',
    boundary: {
      $type: 'zone.stratos.boundary.defs#Domains',
      values: [{ value: `${serviceDid}/general` }],
    },
    // The lexicon of images is about smaller ones.
    file: blob,
    createdAt: new Date().toISOString(),
  }
  const body = { repo: did, collection: 'zone.stratos.feed.post', record }
  const { status, bytes: answer } = await client.call('POST', 'com.atproto.repo.createRecord', { body })
  if (status !== 200) throw new Error(`the post was answered with ${status}: ${answer.toString()}`)
}

function s3Env({ region, endpoint, accessKey, secretKey }: S3Server): Record<string, string> {
  return {
    STRATOS_BLOB_STORAGE: 's3',
    STRATOS_S3_BUCKET: BUCKET,
    STRATOS_S3_REGION: region,
    STRATOS_S3_ENDPOINT: endpoint,
    STRATOS_S3_ACCESS_KEY: accessKey,
    STRATOS_S3_SECRET_KEY: secretKey,
  }
}
