/** Maps items with at most `limit` of them under way at a time. The results keep the order of the items. */
export async function mapConcurrently<T, R>(
  items: readonly T[],
  limit: number,
  map: (item: T) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(items.length)
  const queue = items.entries()
  const work = Array.from({ length: limit }, async () => {
    for (const [index, item] of queue) results[index] = await map(item)
  })
  await Promise.all(work)
  return results
}
