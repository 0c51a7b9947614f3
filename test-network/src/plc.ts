import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs'
import { MockDatabase, PlcServer } from '@did-plc/server'
import { listenOnLoopback } from './listen-on-loopback.ts'

type Operation = Parameters<MockDatabase['validateAndAddOp']>[1]

interface JournalLine {
  readonly did: string
  readonly operation: Operation
  readonly createdAt: string
}

/**
 * The directory's in-memory database, with every accepted operation also appended to a file that the next start reads.
 */
class JournaledDatabase extends MockDatabase {
  private readonly file: number

  private constructor(file: number) {
    super()
    this.file = file
  }

  static async open(path: string): Promise<JournaledDatabase> {
    const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : []
    const database = new JournaledDatabase(openSync(path, 'a', 0o600))
    const entries = lines.map((line) => JSON.parse(line) as JournalLine)
    for (const { did, operation } of entries)
      await MockDatabase.prototype.validateAndAddOp.call(database, did, operation)
    // Dates last: an operation that overrode another in time would look late if that other already had its old date.
    const position = new Map<string, number>()
    for (const { did, createdAt } of entries) {
      const index = position.get(did) ?? 0
      position.set(did, index + 1)
      const stored = database.contents[did]?.[index]
      if (stored !== undefined) stored.createdAt = new Date(createdAt)
    }
    return database
  }

  override async validateAndAddOp(did: string, operation: Operation): Promise<void> {
    await super.validateAndAddOp(did, operation)
    const line: JournalLine = { did, operation, createdAt: new Date().toISOString() }
    writeSync(this.file, `${JSON.stringify(line)}\n`)
  }

  override async close(): Promise<void> {
    closeSync(this.file)
  }
}

/**
 * Runs a PLC directory on 127.0.0.1.
 *
 * @param journal file that keeps the operations from one start to the next
 */
export async function startPlc(port: number, journal: string): Promise<{ close(): Promise<void> }> {
  const server = PlcServer.create({ db: await JournaledDatabase.open(journal), port })
  listenOnLoopback(server.app)
  await server.start()
  return { close: () => server.destroy() }
}
