import type { Db, Tx } from './database.ts'

export interface StreamKey {
  readonly stream: string
  /** DID of the service, or URL of the PDS or relay. */
  readonly service: string
  /** Whose stream; empty for one of many repos. */
  readonly did: string
}

/** Raised when somebody else has moved a cursor: two indexers must not write to one database. */
export class CursorTakenError extends Error {
  override name = 'CursorTakenError'
}

/** @returns null if the stream was never read */
export async function findCursor(db: Db | Tx, { stream, service, did }: StreamKey): Promise<number | null> {
  const row = await db
    .selectFrom('stratos_sync_cursor')
    .select('seq')
    .where('stream', '=', stream)
    .where('service', '=', service)
    .where('did', '=', did)
    .executeTakeFirst()
  return row?.seq ?? null
}

/**
 * Moves a cursor, in the transaction that writes what lies between.
 *
 * @param from where it must be; null if there must be none
 * @throws {CursorTakenError} if it is elsewhere
 */
export async function moveCursor(
  tx: Tx,
  key: StreamKey,
  from: number | null,
  seq: number,
  updatedAt: string,
): Promise<void> {
  const moved =
    from === null
      ? await tx
          .insertInto('stratos_sync_cursor')
          .values({ ...key, seq, updatedAt })
          .onConflict((conflict) => conflict.columns(['stream', 'service', 'did']).doNothing())
          .executeTakeFirst()
      : await tx
          .updateTable('stratos_sync_cursor')
          .set({ seq, updatedAt })
          .where('stream', '=', key.stream)
          .where('service', '=', key.service)
          .where('did', '=', key.did)
          .where('seq', '=', from)
          .executeTakeFirst()
  const count = 'numUpdatedRows' in moved ? moved.numUpdatedRows : (moved.numInsertedOrUpdatedRows ?? 0n)
  if (count === 0n)
    throw new CursorTakenError(`the cursor of ${key.stream} of ${key.service} is not at ${from}`)
}

/** Has a stream read from its beginning. */
export async function resetCursor(db: Db, { stream, service, did }: StreamKey): Promise<void> {
  await db
    .deleteFrom('stratos_sync_cursor')
    .where('stream', '=', stream)
    .where('service', '=', service)
    .where('did', '=', did)
    .execute()
}
