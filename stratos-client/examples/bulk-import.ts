// #region imports
import { exportRepo, importRepo, type StratosAccess } from 'stratos-client'
// #endregion

/** Takes a repo from one service, or one time, to another. */
export async function moveRepo(
  from: StratosAccess,
  into: () => Promise<StratosAccess>,
  did: string,
  showProgress: (text: string) => void,
) {
  // #region export
  const car = await exportRepo(from, did, { onProgress: (bytes) => showProgress(`${bytes} bytes`) })
  // #endregion
  const stratos = await into()
  // #region import
  const { imported, skipped } = await importRepo(stratos, car, {
    onForeign: 'skip',
    onProgress: ({ phase }) => showProgress(phase),
  })
  // #endregion
  return { imported, skipped }
}
