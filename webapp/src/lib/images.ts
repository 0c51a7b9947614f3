/** What a post may carry along, and what the app takes; the service looks at the bytes as well. */
export const MAX_IMAGES = 4
export const MAX_IMAGE_BYTES = 2_000_000
export const IMAGE_TYPES: readonly string[] = ['image/jpeg', 'image/png', 'image/webp', 'image/gif']

/** An image that is to be posted. */
export interface DraftImage {
  file: File
  /** what it shows, for those who do not see it */
  alt: string
}

/** An image of a post. */
export interface PostImage {
  cid: string
  alt: string
}

/** Says why a file cannot be attached; null if it can. */
export function explainUnusableFile({
  name,
  type,
  size,
}: Pick<File, 'name' | 'type' | 'size'>): string | null {
  if (!IMAGE_TYPES.includes(type))
    return `${name} is no picture that can be posted: use JPEG, PNG, WebP or GIF.`
  if (size === 0) return `${name} is empty.`
  if (size > MAX_IMAGE_BYTES)
    return `${name} is too large: a picture may have ${megabytes(MAX_IMAGE_BYTES)}, and this one has ${megabytes(size)}.`
  return null
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(1)} MB`
}

/** Reads the images out of a record, whatever its author wrote into it. */
export function parseImages(value: unknown): PostImage[] {
  const { embed } = (value ?? {}) as { embed?: { $type?: unknown; images?: unknown } | null }
  if (embed?.$type !== 'app.bsky.embed.images' || !Array.isArray(embed.images)) return []
  return embed.images.slice(0, MAX_IMAGES).flatMap((entry: unknown) => {
    const { image, alt } = (entry ?? {}) as { image?: unknown; alt?: unknown }
    const cid = cidOf(image)
    return cid === null ? [] : [{ cid, alt: typeof alt === 'string' ? alt : '' }]
  })
}

/** A reference is `{"$link": …}` in JSON, and an object that is written as its CID once an agent has parsed it. */
function cidOf(image: unknown): string | null {
  const { ref } = (image ?? {}) as { ref?: { $link?: unknown } | null }
  if (ref === undefined || ref === null) return null
  // Authors choose the members of a record: `toString` may be one of them, and then it is no function.
  const cid = typeof ref.$link === 'string' ? ref.$link : typeof ref.toString === 'function' ? `${ref}` : ''
  return /^baf[a-z2-7]{20,}$/.test(cid) ? cid : null
}
