import { exportRepo, type FetchHandler } from 'stratos-client'

/**
 * Has the browser save everything that the user keeps on the service, as a CAR file that another service can import.
 * Pictures are not in it.
 */
export async function downloadPosts(call: FetchHandler, did: string): Promise<void> {
  const url = URL.createObjectURL(await exportRepo(call, did))
  const link = document.createElement('a')
  link.href = url
  link.download = `stratos-${did.replaceAll(':', '-')}.car`
  link.click()
  // Not at once: some browsers begin to read only afterwards.
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}
