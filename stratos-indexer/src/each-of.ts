/**
 * Does something with each entry of a list, with so many of them at once at most.
 *
 * @throws what `use` throws first; entries that have not begun then are left out
 */
export async function eachOf<T>(
  list: readonly T[],
  atOnce: number,
  use: (entry: T) => Promise<void>,
): Promise<void> {
  const rest = list.values()
  let failed = false
  const work = async (): Promise<void> => {
    for (const entry of rest) {
      if (failed) return
      await use(entry).catch((err: unknown) => {
        failed = true
        throw err
      })
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, list.length) }, work))
}
