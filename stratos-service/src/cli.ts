#!/usr/bin/env node
import { VERSION } from './version.ts'

const USAGE = `stratos ${VERSION}

Usage: stratos serve        run the service, configured by STRATOS_* environment variables
       stratos --version
       stratos --help
`

const [command = 'serve', ...rest] = process.argv.slice(2)
if (command === 'serve' && rest.length === 0) await import('./main.ts')
else if (command === '--version') process.stdout.write(`${VERSION}\n`)
else if (command === '--help') process.stdout.write(USAGE)
else {
  process.stderr.write(USAGE)
  process.exitCode = 2
}
