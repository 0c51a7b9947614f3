import { parseArgs } from 'node:util'
import { StratosError } from 'stratos-core'
import { DISK_LAYOUT, S3_LAYOUT } from '../blobs/blob-paths.ts'
import { copyBlobs, type BlobPlace, type CopyProgress } from '../blobs/copy-blobs.ts'
import { DiskFiles } from '../blobs/disk-files.ts'
import { S3Files } from '../blobs/s3-files.ts'
import { readS3 } from '../config/blobs.ts'
import { readEnv } from '../config/env.ts'
import { openStorage } from '../stores/open-storage.ts'
import { CliError, EXIT, usageError } from './cli-error.ts'
import { readConfig } from './direct.ts'

const REPORT_EVERY_MS = 2_000

export const MIGRATE_USAGE = `Usage: stratos migrate-blobs --to s3|local [--remove-originals]

Copies all blobs from the data directory to S3 (STRATOS_S3_*), or back. Each is read again from where it was put and compared
by hash. The service must be stopped, with Postgres all of its instances. When this is interrupted, run it again.

  --remove-originals   delete each blob from where it was, once it is in the other place
`

/**
 * `stratos migrate-blobs …`: blobs into the other of the two places.
 *
 * @param argv after `migrate-blobs`
 * @param say told how it goes, for people
 * @returns what goes to standard output
 * @throws {CliError}
 */
export async function runMigrateBlobs(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  say: (line: string) => void,
): Promise<string> {
  const options = readOptions(argv)
  if (options === null) return MIGRATE_USAGE
  const config = readConfig(env)
  const problems: string[] = []
  const settings = readS3(readEnv(env), problems)
  if (problems.length > 0) throw usageError(`${problems.join('\n')}\n`)
  process.umask(0o077)
  // Also keeps a service on SQLite from starting meanwhile.
  const storage = await openStorage(config.storage, Date.now).catch((err: unknown) => {
    throw new CliError(EXIT.unreachable, messageOf(err), { cause: err })
  })
  try {
    const ignore = () => undefined
    const disk: BlobPlace = { files: new DiskFiles(config.blobs.directory, ignore), layout: DISK_LAYOUT }
    const s3: BlobPlace = { files: new S3Files(settings, ignore), layout: S3_LAYOUT }
    const [source, target] = options.to === 's3' ? [disk, s3] : [s3, disk]
    for (const place of [source, target])
      await assertReachable(place, place === s3 ? settings.bucket : config.blobs.directory)
    const copied = await copyBlobs(source, target, { ...options, report: sometimes(say) })
    return conclude(copied, options)
  } catch (err) {
    if (!(err instanceof StratosError)) throw err
    const cause = err.cause === undefined ? '' : ` (${messageOf(err.cause)})`
    throw new CliError(EXIT.unreachable, `${err.message}${cause}; run this again to go on`, { cause: err })
  } finally {
    await storage.close()
  }
}

interface MigrateOptions {
  readonly to: 's3' | 'local'
  readonly removeOriginals: boolean
}

/** @returns null if help is wanted */
function readOptions(argv: readonly string[]): MigrateOptions | null {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        to: { type: 'string' },
        'remove-originals': { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (values.help) return null
    const { to } = values
    if (to === 's3' || to === 'local') return { to, removeOriginals: values['remove-originals'] }
  } catch (err) {
    if (!(err instanceof TypeError)) throw err
  }
  throw usageError(MIGRATE_USAGE)
}

async function assertReachable({ files }: BlobPlace, name: string): Promise<void> {
  if ((await files.check()) === 'ok') return
  throw new CliError(EXIT.unreachable, `${name} cannot be reached, or is not there`)
}

function conclude(copied: CopyProgress, { to, removeOriginals }: MigrateOptions): string {
  const { damaged } = copied
  const done = `${describe(copied)}\n`
  if (damaged.length > 0) {
    const list = damaged.map((path) => `  ${path}\n`).join('')
    throw new CliError(
      EXIT.refused,
      `${done}${damaged.length} are not what their names say, and were left where they are:\n${list}`,
    )
  }
  const originals = removeOriginals ? '' : '; the originals are still where they were'
  return `${done}set STRATOS_BLOB_STORAGE=${to} and start the service${originals}\n`
}

function describe({ blobs, bytes, present }: CopyProgress): string {
  const mebibytes = (bytes / 1024 / 1024).toFixed(1)
  return `${blobs} blobs with ${mebibytes} MiB are in the other place, ${present} of them since before`
}

function sometimes(say: (line: string) => void): (progress: CopyProgress) => void {
  let saidAtMs = 0
  return (progress) => {
    if (Date.now() - saidAtMs < REPORT_EVERY_MS) return
    saidAtMs = Date.now()
    say(describe(progress))
  }
}

function messageOf(err: unknown): string {
  return err instanceof Error ? err.message : String(err)
}
