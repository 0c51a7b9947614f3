#!/usr/bin/env node
import { runAdmin } from './cli/admin.ts'
import { CliError } from './cli/cli-error.ts'
import { VERSION } from './version.ts'

const USAGE = `stratos ${VERSION}

Usage: stratos serve        run the service, configured by STRATOS_* environment variables
       stratos admin …      what operators do: enrollments, boundaries, jobs, audit log (\`stratos admin --help\`)
       stratos keys …       master key and service key (\`stratos keys --help\`)
       stratos migrate-blobs --to s3|local
                            move blobs from the data directory to S3, or back (\`stratos migrate-blobs --help\`)
       stratos --version
       stratos --help
`

const [command = 'serve', ...rest] = process.argv.slice(2)
if (command === 'serve' && rest.length === 0) await import('./main.ts')
else if (command === 'admin') await print(runAdmin(rest, process.env))
else if (command === 'keys')
  await print(import('./cli/keys.ts').then(({ runKeys }) => runKeys(rest, process.env)))
else if (command === 'migrate-blobs')
  await print(
    import('./cli/migrate-blobs.ts').then(({ runMigrateBlobs }) =>
      runMigrateBlobs(rest, process.env, (line) => process.stderr.write(`${line}\n`)),
    ),
  )
else if (command === '--version') process.stdout.write(`${VERSION}\n`)
else if (command === '--help') process.stdout.write(USAGE)
else {
  process.stderr.write(USAGE)
  process.exitCode = 2
}

async function print(output: Promise<string>): Promise<void> {
  try {
    process.stdout.write(await output)
  } catch (err) {
    if (!(err instanceof CliError)) throw err
    process.stderr.write(`${err.message}\n`)
    process.exitCode = err.status
  }
}
