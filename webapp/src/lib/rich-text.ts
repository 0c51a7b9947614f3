/** A stretch of a post's text, with where it leads. */
export interface TextPart {
  text: string
  /** http(s) address; null for plain text */
  href: string | null
}

/** A link in a text, as `app.bsky.richtext.facet` has it: in bytes of UTF-8. */
export interface LinkFacet {
  index: { byteStart: number; byteEnd: number }
  features: [{ $type: 'app.bsky.richtext.facet#link'; uri: string }]
}

const LINK = 'app.bsky.richtext.facet#link'
const ADDRESS = /https?:\/\/[^\s<>"]+/g
const CLOSING = ".,;:!?'…)"
const MAX_FACETS = 100

/** Finds the addresses in a text that somebody has typed. */
export function findLinks(text: string): LinkFacet[] {
  return [...text.matchAll(ADDRESS)].flatMap((match) => {
    const address = dropPunctuation(match[0])
    const uri = parseHref(address)
    if (uri === null) return []
    const byteStart = countBytes(text.slice(0, match.index))
    return [
      {
        index: { byteStart, byteEnd: byteStart + countBytes(address) },
        features: [{ $type: LINK, uri }] as LinkFacet['features'],
      },
    ]
  })
}

/** Drops what ends the sentence and not the address; a bracket that was opened in the address belongs to it. */
function dropPunctuation(address: string): string {
  let end = address.length
  for (; end > 0 && CLOSING.includes(address.charAt(end - 1)); end--) {
    const isClosed = address.charAt(end - 1) === ')' && address.slice(0, end - 1).includes('(')
    if (isClosed) break
  }
  return address.slice(0, end)
}

/** Takes a text apart at its links, whatever an author wrote into `facets`. What is no proper link is plain text. */
export function splitText(text: string, facets: unknown): TextPart[] {
  const bytes = new TextEncoder().encode(text)
  const parts: TextPart[] = []
  let done = 0
  const take = (end: number, href: string | null) => {
    if (end > done) parts.push({ text: new TextDecoder().decode(bytes.subarray(done, end)), href })
    done = end
  }
  const links = (Array.isArray(facets) ? facets.slice(0, MAX_FACETS) : []).flatMap(parseLink)
  for (const { start, end, href } of links.toSorted((a, b) => a.start - b.start)) {
    // Half a character would be shown as a broken one.
    const fits = start >= done && end <= bytes.length && isBoundary(bytes, start) && isBoundary(bytes, end)
    if (!fits) continue
    take(start, null)
    take(end, href)
  }
  take(bytes.length, null)
  return parts
}

function parseLink(facet: unknown): { start: number; end: number; href: string }[] {
  const { index, features } = (facet ?? {}) as { index?: unknown; features?: unknown }
  const { byteStart: start, byteEnd: end } = (index ?? {}) as { byteStart?: unknown; byteEnd?: unknown }
  if (!isOffset(start) || !isOffset(end) || end <= start || !Array.isArray(features)) return []
  const link = features.find((feature) => (feature as { $type?: unknown } | null)?.$type === LINK)
  const href = parseHref((link as { uri?: unknown } | undefined)?.uri)
  return href === null ? [] : [{ start, end, href }]
}

/** @returns the address if it leads to the web; `javascript:` and the like lead nowhere */
function parseHref(uri: unknown): string | null {
  if (typeof uri !== 'string' || !URL.canParse(uri)) return null
  const url = new URL(uri)
  return ['http:', 'https:'].includes(url.protocol) ? url.href : null
}

const isOffset = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const countBytes = (text: string): number => new TextEncoder().encode(text).length
const isBoundary = (bytes: Uint8Array, at: number): boolean =>
  at === bytes.length || ((bytes[at] ?? 0) & 0xc0) !== 0x80
