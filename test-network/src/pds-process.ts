/**
 * Entry of the child process that runs the PLC directory and the PDS, apart from the service's event loop and from
 * everything process-wide. Tells its parent through IPC when both answer; ends on SIGTERM.
 *
 * Arguments: PLC port, PDS port, directory.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { startPds } from './pds.ts'
import { startPlc } from './plc.ts'

const [plcPort = '', pdsPort = '', directory = ''] = process.argv.slice(2)

// Ctrl-C in a terminal reaches the whole process group; the parent decides when this process goes, after the service.
process.on('SIGINT', () => undefined)

mkdirSync(join(directory, 'plc'), { recursive: true, mode: 0o700 })
mkdirSync(join(directory, 'pds'), { recursive: true, mode: 0o700 })
const plc = await startPlc(Number(plcPort), join(directory, 'plc/operations.jsonl'))
const pds = await startPds(Number(pdsPort), `http://localhost:${plcPort}`, join(directory, 'pds'))

process.once('SIGTERM', async () => {
  await pds.close()
  await plc.close()
  process.exit(0)
})
process.send?.({ ready: true })
