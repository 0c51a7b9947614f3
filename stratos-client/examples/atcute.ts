// #region imports
import { Client } from '@atcute/client'
import { callStratos, createStratosFetchHandler, type StratosSession } from 'stratos-client'
// #endregion

/** The same with @atcute/client. */
export async function withAtcute(session: StratosSession, serviceUrl: string) {
  // #region atcute
  const handle = createStratosFetchHandler(session, serviceUrl)
  const client = new Client({ handler: handle })
  const { domains } = await callStratos(handle, 'zone.stratos.server.listDomains')
  // #endregion
  return { client, domains }
}
