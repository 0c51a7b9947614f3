import { P256Keypair, type Keypair } from '@atproto/crypto'
import { getFullRepo, MemoryBlockstore, Repo, WriteOpAction, type RecordCreateOp } from '@atproto/repo'
import { parseNsid, parseRkey } from 'stratos-core'

/** Records by `collection/rkey`. */
export type Records = Readonly<Record<string, object>>

/** An export as another server makes it: built, signed and written by the official library. */
export async function archiveOf(did: string, records: Records, keypair?: Keypair): Promise<Buffer> {
  const signer = keypair ?? (await P256Keypair.create())
  const writes = Object.entries(records).map(([key, record]): RecordCreateOp => {
    const [collection = '', rkey = ''] = key.split('/')
    return {
      action: WriteOpAction.Create,
      collection: parseNsid(collection),
      rkey: parseRkey(rkey),
      record: record as RecordCreateOp['record'],
    }
  })
  const storage = new MemoryBlockstore()
  const repo = await Repo.create(storage, did as `did:${string}:${string}`, signer, writes)
  const chunks: Uint8Array[] = []
  for await (const chunk of getFullRepo(storage, repo.cid)) chunks.push(chunk)
  return Buffer.concat(chunks)
}
