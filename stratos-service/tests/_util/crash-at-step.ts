/**
 * Loaded into a service by `NODE_OPTIONS=--import`: kills it, as a power cut would, when a life cycle has passed the step
 * that is written in the file `STRATOS_TEST_CRASH_FILE`. The file goes first, so that the next start lives.
 */
import { subscribe } from 'node:diagnostics_channel'
import { existsSync, readFileSync, rmSync } from 'node:fs'

const file = process.env.STRATOS_TEST_CRASH_FILE ?? ''

subscribe('stratos.life-cycle', (message) => {
  const { step } = message as { step: string }
  if (!existsSync(file) || readFileSync(file, 'utf8') !== step) return
  rmSync(file)
  process.kill(process.pid, 'SIGKILL')
})
