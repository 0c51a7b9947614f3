import { getContext, setContext } from 'svelte'

/**
 * Makes addresses that an `<img>` can load, for some minutes.
 *
 * @param did whose images they are
 * @returns addresses by CID; those of images that the user may not see are missing
 */
export type ImageSource = (did: string, cids: readonly string[]) => Promise<ReadonlyMap<string, string>>

const KEY = Symbol('images')

/** To be called while a component is made; for everything inside of it. */
export function provideImages(source: ImageSource): void {
  setContext(KEY, source)
}

export function useImages(): ImageSource {
  return getContext<ImageSource>(KEY)
}
