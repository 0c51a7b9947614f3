/** What the page of the browser test runs: the examples, as a web app would have them. */
import { AtpAgent } from '@atproto/api'
import { createStratosAgent } from 'stratos-client'
import { withAtcute } from '../../examples/atcute.ts'
import { moveRepo } from '../../examples/bulk-import.ts'
import { feed } from '../../examples/feed.ts'
import { follow } from '../../examples/follow.ts'
import { readGroup } from '../../examples/group.ts'
import { post } from '../../examples/post.ts'
import { readAndVerify } from '../../examples/read-and-verify.ts'

export interface BrowserCase {
  readonly pdsUrl: string
  readonly plcUrl: string
  readonly serviceUrl: string
  readonly serviceDid: string
  readonly handle: string
  readonly password: string
}

/** Runs every example once. @returns what each came to, as JSON has it */
async function runExamples(given: BrowserCase): Promise<unknown> {
  const { pdsUrl, plcUrl, serviceUrl, serviceDid } = given
  const session = new AtpAgent({ service: pdsUrl })
  await session.login({ identifier: given.handle, password: given.password })
  const did = session.assertDid
  const boundary = `${serviceDid}/writers`

  const written = await post(session, serviceUrl, did, boundary)
  const rkey = written.uri.split('/').at(-1) ?? ''
  const verified = await readAndVerify(session, { serviceUrl, serviceDid, authorPds: pdsUrl }, did, rkey)
  const { uri, cid } = written
  const source = { vary: 'authenticated', subject: { uri, cid }, service: `${serviceDid}#atproto_pns` }
  const stratos = createStratosAgent(session, serviceUrl)
  const { posts } = await feed(stratos, { serviceDid, plcUrl }, [{ source }])
  const group = await readGroup(session, { did, pdsUrl }, boundary, [did])
  const { domains } = await withAtcute(session, serviceUrl)

  const done = new AbortController()
  let followed = ''
  const pds = (path: string, init?: RequestInit) => session.fetchHandler(path, init ?? {})
  await follow(pds, { serviceUrl, serviceDid }, did, done.signal, (line) => {
    followed = line
    if (line.endsWith(rkey)) done.abort()
  })
  const emptied = async () => {
    for (const record of group) {
      const input = {
        repo: did,
        collection: 'zone.stratos.feed.post',
        rkey: record.uri.split('/').at(-1) ?? '',
      }
      await stratos.zone('zone.stratos.repo.deleteRecord', { input })
    }
    return stratos
  }
  const { imported } = await moveRepo(stratos, emptied, did, () => undefined)
  return {
    level: verified.level,
    levels: posts.map(({ level }) => level),
    group: group.length,
    domains,
    followed,
    imported,
  }
}

Object.assign(globalThis, { runExamples })
