import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

/** Programs that tests drive and npm does not carry. */
const NEEDED = [
  { what: 'browser tests', program: '/usr/bin/chromium', debianPackage: 'chromium' },
  { what: 'tests with Valkey', program: '/usr/bin/redis-server', debianPackage: 'redis-server' },
  { what: 'tests with S3', program: '/usr/bin/radosgw', debianPackage: 'radosgw' },
  { what: 'tests with S3', program: '/usr/bin/ceph-mon', debianPackage: 'ceph-mon' },
  { what: 'tests with S3', program: '/usr/bin/ceph-osd', debianPackage: 'ceph-osd' },
]

/**
 * Installs what is missing where that is possible: as root on Debian. Elsewhere it says which tests will be left out; in
 * CI that is a failure.
 */
export function installSystemPackages(say: (text: string) => void): void {
  const missing = NEEDED.filter(({ program }) => !existsSync(program))
  if (missing.length === 0) return
  const names = missing.map(({ debianPackage }) => debianPackage)
  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    say(`installing ${names.join(', ')}`)
    const options = {
      stdio: ['ignore', 'ignore', 'inherit'] as const satisfies ['ignore', 'ignore', 'inherit'],
    }
    spawnSync('apt-get', ['update', '-qq'], options)
    spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...names], options)
  }
  for (const { what, program, debianPackage } of missing.filter(({ program }) => !existsSync(program))) {
    say(`${what} are left out: ${program} is missing (Debian package ${debianPackage})`)
    if (process.env.CI !== undefined) throw new Error(`CI needs ${program}`)
  }
}
