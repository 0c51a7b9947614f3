import { randomBytes } from 'node:crypto'
import type { BlobStore, Did, StoredBytes, TemporaryBytes } from 'stratos-core'
import { folderOf, parsePath, pathOf, type BlobLayout } from './blob-paths.ts'
import type { ByteFiles } from './byte-files.ts'

/** Blobs as files in three folders, with a folder for each user in each of them. */
export class StoredBlobs implements BlobStore {
  readonly #files: ByteFiles
  readonly #layout: BlobLayout

  constructor(files: ByteFiles, layout: BlobLayout) {
    this.#files = files
    this.#layout = layout
  }

  async putTemporary(did: Did, source: AsyncIterable<Uint8Array>): Promise<string> {
    const key = randomBytes(20).toString('hex')
    await this.#files.write(pathOf(this.#layout.temporary, did, key), source)
    return key
  }

  async makePermanent(did: Did, key: string, cid: string): Promise<void> {
    const { temporary, permanent } = this.#layout
    await this.#files.move(pathOf(temporary, did, key), pathOf(permanent, did, cid))
  }

  async openTemporary(did: Did, key: string): Promise<StoredBytes | null> {
    return this.#files.open(pathOf(this.#layout.temporary, did, key))
  }

  async open(did: Did, cid: string): Promise<StoredBytes | null> {
    return this.#files.open(pathOf(this.#layout.permanent, did, cid))
  }

  async quarantine(did: Did, cid: string): Promise<void> {
    const { permanent, quarantine } = this.#layout
    await this.#files.move(pathOf(permanent, did, cid), pathOf(quarantine, did, cid))
  }

  async restore(did: Did, cid: string): Promise<void> {
    const { permanent, quarantine } = this.#layout
    await this.#files.move(pathOf(quarantine, did, cid), pathOf(permanent, did, cid))
  }

  async deleteTemporary(did: Did, key: string): Promise<void> {
    await this.#files.remove(pathOf(this.#layout.temporary, did, key))
  }

  async delete(did: Did, cid: string): Promise<void> {
    const { permanent, quarantine } = this.#layout
    for (const area of [permanent, quarantine]) await this.#files.remove(pathOf(area, did, cid))
  }

  async destroy(did: Did): Promise<void> {
    const { temporary, permanent, quarantine } = this.#layout
    for (const area of [temporary, permanent, quarantine]) {
      await this.#files.removeFolder(folderOf(area, did))
    }
  }

  async *listTemporary(beforeMs: number): AsyncGenerator<TemporaryBytes> {
    const { temporary } = this.#layout
    await this.#files.discardUnfinished(temporary, beforeMs)
    for await (const { path, modifiedAtMs } of this.#files.list(temporary)) {
      const parsed = parsePath(temporary, path)
      if (parsed?.did == null || modifiedAtMs >= beforeMs) continue
      yield { did: parsed.did, key: parsed.name, delete: () => this.#files.remove(path) }
    }
  }

  async check(): Promise<'ok' | 'failed'> {
    return this.#files.check()
  }
}
