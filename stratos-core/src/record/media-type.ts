import { StratosError } from '../errors.ts'

/** How many bytes of a blob `decideMediaType` wants to see. */
export const MEDIA_TYPE_HEAD_BYTES = 64

const UNKNOWN = 'application/octet-stream'
const MEDIA_TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/

/** A kind of file that is recognised by how it begins, and the types that may be said of it; the first is its own. */
interface Signature {
  readonly types: readonly string[]
  readonly matches: (head: Head) => boolean
}

type Head = { readonly text: (start: number, end: number) => string }

const starts = (prefix: string) => (head: Head) => head.text(0, prefix.length) === prefix
const riff = (kind: string) => (head: Head) => head.text(0, 4) === 'RIFF' && head.text(8, 12) === kind
const brand = (pattern: RegExp) => (head: Head) =>
  head.text(4, 8) === 'ftyp' && pattern.test(head.text(8, 12))

/** In this order: the first that matches counts. */
const SIGNATURES: readonly Signature[] = [
  { types: ['image/png', 'image/apng'], matches: starts('\x89PNG\r\n\x1a\n') },
  { types: ['image/jpeg'], matches: starts('\xff\xd8\xff') },
  { types: ['image/gif'], matches: (head) => /^GIF8[79]a$/.test(head.text(0, 6)) },
  { types: ['image/webp'], matches: riff('WEBP') },
  { types: ['image/avif'], matches: brand(/^avi[fs]$/) },
  {
    types: ['image/heic', 'image/heif', 'image/avif'],
    matches: brand(/^(hei[cxms]|hev[cxms]|mif1|msf1)$/),
  },
  { types: ['video/quicktime'], matches: brand(/^qt  $/) },
  { types: ['video/mp4', 'audio/mp4', 'audio/x-m4a', 'video/quicktime'], matches: brand(/^/) },
  {
    types: ['video/webm', 'audio/webm', 'video/x-matroska', 'audio/x-matroska'],
    matches: starts('\x1a\x45\xdf\xa3'),
  },
  { types: ['audio/mpeg', 'audio/mp3'], matches: starts('ID3') },
  { types: ['audio/mpeg', 'audio/mp3'], matches: (head) => /^\xff[\xfb\xfa\xf3\xf2]$/.test(head.text(0, 2)) },
  { types: ['audio/ogg', 'video/ogg', 'application/ogg', 'audio/opus'], matches: starts('OggS') },
  { types: ['audio/wav', 'audio/x-wav', 'audio/wave'], matches: riff('WAVE') },
  { types: ['audio/flac', 'audio/x-flac'], matches: starts('fLaC') },
  { types: ['application/pdf'], matches: starts('%PDF-') },
]

const RECOGNISABLE = new Set(SIGNATURES.flatMap(({ types }) => types))

/** Types that a browser shows without running anything. */
const SHOWN = new Set([...RECOGNISABLE].filter((type) => /^(image|video|audio)\//.test(type)))

/**
 * Decides which type a blob has, from what its sender says and from how it begins. Types that can be recognised have to be
 * right; of others the sender is believed, as nothing depends on them: they are only ever downloaded.
 *
 * @param declared value of `Content-Type`; parameters are ignored, `application/octet-stream` and wildcards say nothing
 * @param head the first bytes, as many of `MEDIA_TYPE_HEAD_BYTES` as there are
 * @returns type and subtype in lower case
 * @throws {StratosError} `InvalidMimeType`
 */
export function decideMediaType(declared: string | undefined, head: Uint8Array): string {
  const said = declared?.split(';', 1)[0]?.trim().toLowerCase() ?? ''
  const recognised = SIGNATURES.find(({ matches }) => matches(textOf(head)))
  if (said === '' || said === UNKNOWN || said.includes('*')) return recognised?.types[0] ?? UNKNOWN
  if (!MEDIA_TYPE.test(said)) throw invalid('the content type of the blob is malformed')
  const fits = recognised === undefined ? !RECOGNISABLE.has(said) : recognised.types.includes(said)
  if (fits) return said
  throw invalid(`the blob is said to be ${said}, but begins like ${recognised?.types[0] ?? 'something else'}`)
}

/** Whether a browser may show a blob of this type in place; everything else is for saving only. */
export function isShownInPlace(mediaType: string): boolean {
  return SHOWN.has(mediaType)
}

/** One character for each byte. */
function textOf(head: Uint8Array): Head {
  return { text: (start, end) => String.fromCharCode(...head.subarray(start, end)) }
}

function invalid(message: string): StratosError {
  return new StratosError('InvalidMimeType', message)
}
