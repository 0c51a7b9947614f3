/**
 * Puts regions of stratos-client/examples into the README of the package and some pages of the documentation, so that what they
 * show is what tests run. `--check` compares only, and says what differs.
 *
 * A block begins after `<!-- examples/post.ts: imports post -->`, with the regions to join.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const folder = join(root, 'stratos-client')
/** All TypeScript on these is from the examples. */
const PAGES = [
  'stratos-client/README.md',
  'docs/client/blobs.md',
  'docs/client/import.md',
  'docs/client/streams.md',
  'docs/client/verification.md',
]
const BLOCK = /<!-- (examples\/[\w-]+\.ts): ([\w -]+) -->\n\n```ts\n[^]*?```/g

function regionOf(source: string, name: string): string {
  const [, region] = new RegExp(`^[ ]*// #region ${name}\\n([^]*?)^[ ]*// #endregion`, 'm').exec(source) ?? []
  if (region === undefined) throw new Error(`there is no region ${name}`)
  const lines = region.trimEnd().split('\n')
  const indents = lines.filter((line) => line !== '').map((line) => /^ */.exec(line)?.[0].length ?? 0)
  return lines.map((line) => line.slice(Math.min(...indents))).join('\n')
}

const check = process.argv.includes('--check')
for (const page of PAGES) {
  const path = join(root, page)
  const before = readFileSync(path, 'utf8')
  const after = before.replaceAll(BLOCK, (_, file: string, names: string) => {
    const source = readFileSync(join(folder, file), 'utf8')
    const code = names.split(' ').map((name) => regionOf(source, name))
    return `<!-- ${file}: ${names} -->\n\n\`\`\`ts\n${code.join('\n\n')}\n\`\`\``
  })
  const loose = after.replaceAll(BLOCK, '').match(/^```ts$/gm) ?? []
  if (!check) writeFileSync(path, after)
  else if (after !== before) process.stdout.write(`${page} is not what the examples say\n`)
  if (loose.length > 0) process.stdout.write(`${page} has ${loose.length} blocks that no test runs\n`)
}
