import { request } from 'node:http'
import type { ProofClient } from 'test-network'

export interface Transfer {
  readonly ms: number
  readonly bytes: Buffer
}

type Signer = Pick<ProofClient, 'proof' | 'token'>

/** Fetches a body whole. @param signer null asks as nobody @throws {Error} unless it is answered with 200 */
export async function download(url: string, signer: Signer | null): Promise<Transfer> {
  const startedAt = performance.now()
  const bytes = await exchange('GET', url, signer, null)
  return { ms: performance.now() - startedAt, bytes }
}

/** Sends a body. @param signer null sends as nobody @returns the answer @throws {Error} unless it is 200 */
export async function upload(
  url: string,
  signer: Signer | null,
  body: Buffer,
  type: string,
): Promise<Transfer> {
  const startedAt = performance.now()
  const bytes = await exchange('POST', url, signer, { body, type })
  return { ms: performance.now() - startedAt, bytes }
}

function exchange(
  method: string,
  url: string,
  signer: Signer | null,
  content: { readonly body: Buffer; readonly type: string } | null,
): Promise<Buffer> {
  const headers = {
    ...(signer === null ? {} : { authorization: `DPoP ${signer.token}`, dpop: signer.proof(method, url) }),
    ...(content === null ? {} : { 'content-type': content.type, 'content-length': content.body.length }),
  }
  return new Promise((resolve, reject) => {
    const req = request(url, { method, headers }, (res) => {
      const chunks: Buffer[] = []
      res.on('data', (chunk: Buffer) => chunks.push(chunk))
      res.on('error', reject)
      res.on('end', () => {
        const answer = Buffer.concat(chunks)
        if (res.statusCode === 200) resolve(answer)
        else reject(new Error(`${url} answered ${res.statusCode}: ${answer.toString().slice(0, 300)}`))
      })
    })
    req.on('error', reject)
    req.end(content?.body)
  })
}
