// #region imports
import { buildBoundary, signBlobUrls, uploadBlob, type StratosAgent } from 'stratos-client'
// #endregion

/** Writes a private post with an image, and makes an address at which a page can show it. */
export async function postImage(stratos: StratosAgent, did: string, file: Blob, boundary: string) {
  // #region attach
  const image = await uploadBlob(stratos, file)

  const { data } = await stratos.com.atproto.repo.createRecord({
    repo: did,
    collection: 'zone.stratos.feed.post',
    record: {
      $type: 'zone.stratos.feed.post',
      text: 'At the lake',
      embed: { $type: 'app.bsky.embed.images', images: [{ alt: 'A boat', image }] },
      boundary: buildBoundary(boundary),
      createdAt: new Date().toISOString(),
    },
  })
  // #endregion
  const author = did
  const cids = [image.ref.$link]
  // #region show
  const addresses = await signBlobUrls(stratos, author, cids)
  const src = addresses.get(image.ref.$link) // for an <img>; undefined if you may not see it
  // #endregion
  return { uri: data.uri, src }
}
