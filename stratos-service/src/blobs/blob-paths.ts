import { hash } from 'node:crypto'
import { parseDid, StratosError, type Did } from 'stratos-core'

/** Names of the three folders; an empty one is the root itself. */
export interface BlobLayout {
  readonly permanent: string
  readonly temporary: string
  readonly quarantine: string
}

/** Below `{dataDir}/blobs`. A DID begins with `did:`, so it is neither of the two names. */
export const DISK_LAYOUT: BlobLayout = { permanent: '', temporary: 'temp', quarantine: 'quarantine' }
export const S3_LAYOUT: BlobLayout = {
  permanent: 'stratos/blocks',
  temporary: 'stratos/tmp',
  quarantine: 'stratos/quarantine',
}

/** File systems end at 255 bytes, and a DID may have 2,048. */
const LONGEST_PLAIN = 200
const KEPT = 100
const NAME = /^[A-Za-z0-9]{1,128}$/

/** The folder of a user's blobs: their DID. A very long one is cut and told from others by its hash, after a `~`, which no DID has. */
export function folderOf(area: string, did: Did): string {
  const name = parseDid(did)
  const folder = name.length <= LONGEST_PLAIN ? name : `${name.slice(0, KEPT)}~${hash('sha256', name)}`
  return area === '' ? folder : `${area}/${folder}`
}

/** @param name a CID, or the key of temporary bytes: letters and digits */
export function pathOf(area: string, did: Did, name: string): string {
  if (!NAME.test(name)) throw new StratosError('InvalidRequest', 'not the name of a blob')
  return `${folderOf(area, did)}/${name}`
}

/** Reads back what `pathOf` made. @returns null for anything else; a DID that was cut is null */
export function parsePath(
  area: string,
  path: string,
): { readonly did: Did | null; readonly name: string } | null {
  const below = area === '' ? path : path.startsWith(`${area}/`) ? path.slice(area.length + 1) : ''
  const [folder = '', name = '', ...rest] = below.split('/')
  if (rest.length > 0 || !folder.startsWith('did:') || !NAME.test(name)) return null
  return { did: folder.includes('~') ? null : parseDid(folder), name }
}
