/** Proves that the JSON under `lexicons/` is well-formed, complete, explained, and says what the code relies on. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { jsonToLex } from '@atproto/lex'
import { Lexicons, parseLexiconDoc, type LexiconDoc } from '@atproto/lexicon'
import { describe, expect, it } from 'vitest'
import { zone } from '../stratos-core/src/lexicons/index.ts'

const folder = join(import.meta.dirname, '../lexicons')
const files = globSync('**/*.json', { cwd: folder }).sort()

type JsonObject = { readonly [member: string]: unknown }

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function readJson(file: string): JsonObject {
  const json: unknown = JSON.parse(readFileSync(join(folder, file), 'utf8'))
  if (!isObject(json)) throw new Error(`${file} is not an object`)
  return json
}

const docs: readonly LexiconDoc[] = files.map((file) => parseLexiconDoc(readJson(file)))
const ours = docs.filter(({ id }) => id.startsWith('zone.stratos.'))
const lexicons = new Lexicons(docs)

/** Every object inside `value`, itself included, with the way to it. */
function* objectsIn(value: unknown, path: string): Generator<{ path: string; node: JsonObject }> {
  if (isObject(value)) yield { path, node: value }
  if (typeof value !== 'object' || value === null) return
  for (const [key, member] of Object.entries(value)) yield* objectsIn(member, `${path}/${key}`)
}

function defsOf(doc: LexiconDoc): { path: string; node: JsonObject }[] {
  return Object.entries(doc.defs).flatMap(([name, def]) => [...objectsIn(def, `${doc.id}#${name}`)])
}

/** The absolute URIs that a schema refers to. */
function refsOf(id: string, { type, ref, refs }: JsonObject): string[] {
  const named = type === 'ref' ? [ref] : type === 'union' && Array.isArray(refs) ? refs : []
  return named.map((target) => {
    const uri = String(target)
    if (uri.startsWith('#')) return `${id}${uri}`
    return uri.includes('#') ? uri : `${uri}#main`
  })
}

/** Properties, parameters and errors of a schema, each by its name. */
function namedPartsOf({ properties, errors }: JsonObject): [string, unknown][] {
  const named: [string, unknown][] = isObject(properties) ? Object.entries(properties) : []
  if (!Array.isArray(errors)) return named
  return [...named, ...errors.map((error: unknown): [string, unknown] => ['error', error])]
}

function isExplained(value: unknown): boolean {
  return isObject(value) && typeof value.description === 'string' && value.description.length > 0
}

describe('every lexicon', () => {
  it.each(files)('%s lies where its id says', (file) => {
    expect(`${String(readJson(file).id).replaceAll('.', '/')}.json`).toBe(file)
  })

  it('refers only to definitions that exist', () => {
    const dangling = docs.flatMap((doc) =>
      defsOf(doc).flatMap(({ path, node }) =>
        refsOf(doc.id, node)
          .filter((uri) => lexicons.getDef(uri) === undefined)
          .map((uri) => `${path} -> ${uri}`),
      ),
    )
    expect(dangling).toEqual([])
  })
})

describe('every lexicon of ours', () => {
  it('is there', () => {
    expect(ours.length).toBeGreaterThanOrEqual(40)
  })

  it('has its members in one order', () => {
    const unordered = ours.filter(
      ({ id }) =>
        Object.keys(readJson(`${id.replaceAll('.', '/')}.json`)).join() !== 'lexicon,id,description,defs',
    )
    expect(unordered.map(({ id }) => id)).toEqual([])
  })

  it('explains itself, its definitions, parameters, members and errors', () => {
    const unexplained = ours.flatMap((doc) => [
      ...(isExplained(doc) ? [] : [doc.id]),
      ...Object.entries(doc.defs).flatMap(([name, def]) => (isExplained(def) ? [] : [`${doc.id}#${name}`])),
      ...defsOf(doc).flatMap(({ path, node }) =>
        namedPartsOf(node)
          .filter(([, part]) => !isExplained(part))
          .map(([name]) => `${path}/${name}`),
      ),
    ])
    expect(unexplained).toEqual([])
  })

  it('bounds every text by a length or a format', () => {
    const unbounded = ours.flatMap((doc) =>
      defsOf(doc)
        .filter(({ node }) => node.type === 'string')
        .filter(({ node }) => node.maxLength === undefined && node.format === undefined)
        .map(({ path }) => path),
    )
    expect(unbounded).toEqual([])
  })

  it('names no error twice', () => {
    const repeated = ours.flatMap((doc) =>
      defsOf(doc).flatMap(({ path, node }) => {
        const names = Array.isArray(node.errors) ? node.errors.map(({ name }: { name: string }) => name) : []
        return new Set(names).size === names.length ? [] : [path]
      }),
    )
    expect(repeated).toEqual([])
  })

  it('that lists in pages takes 1 to 100 entries, 50 by default', () => {
    const limits = ['listEnrollments', 'listJobs', 'auditLog'].map((name) => {
      const def = lexicons.getDefOrThrow(`zone.stratos.admin.${name}`, ['query'])
      const { limit, cursor } = def.parameters?.properties ?? {}
      return { limit, cursor: cursor?.type }
    })
    const expected = { limit: { type: 'integer', minimum: 1, maximum: 100, default: 50 }, cursor: 'string' }
    expect(limits).toMatchObject([expected, expected, expected])
  })
})

describe('an alias of com.atproto.repo', () => {
  const own: Readonly<Record<string, string>> = { getRecord: 'viewer', applyWrites: 'writes' }

  /** What a caller has to know of a method, without prose, limits of text and errors. */
  function shapeOf(value: unknown, leaveOut: string | undefined): unknown {
    if (Array.isArray(value)) return value.map((member) => shapeOf(member, leaveOut))
    if (!isObject(value)) return value
    const skip = ['description', 'maxLength', 'errors', leaveOut]
    const members = Object.entries(value).filter(([key]) => !skip.includes(key))
    return Object.fromEntries(members.map(([key, member]) => [key, shapeOf(member, leaveOut)]))
  }

  it.each([
    'createRecord',
    'putRecord',
    'deleteRecord',
    'applyWrites',
    'getRecord',
    'listRecords',
    'describeRepo',
    'uploadBlob',
    'listMissingBlobs',
  ])('%s has the same parameters, input and output', (name) => {
    const alias = lexicons.getDefOrThrow(`zone.stratos.repo.${name}`)
    const original = lexicons.getDefOrThrow(`com.atproto.repo.${name}`)
    expect(shapeOf(alias, own[name])).toEqual(shapeOf(original, own[name]))
  })

  it('takes changes of both spellings in applyWrites, and at most 200', () => {
    const change = { collection: 'zone.stratos.feed.post', rkey: '3jzfcijpj2z2a' }
    const typed = { $type: 'com.atproto.repo.applyWrites#delete', ...change }
    const check = (writes: unknown[]) =>
      zone.stratos.repo.applyWrites.$input.schema.safeParse({ repo: 'did:plc:alice', writes }).success
    expect(check([typed, { action: 'delete', ...change }])).toBe(true)
    expect(check(Array(200).fill(typed))).toBe(true)
    expect(check(Array(201).fill(typed))).toBe(false)
    expect(check(['delete'])).toBe(false)
  })
})

/** Whether a record, given as JSON, is valid; the parsed JSON and the generated code have to agree. */
function isValid(schema: { $type: string; safeParse(value: unknown): { success: boolean } }, json: object) {
  const value = jsonToLex(JSON.parse(JSON.stringify(json)))
  const parsed = lexicons.validate(schema.$type, value).success
  expect(schema.safeParse(value).success, 'codegen has not been run since the lexicon changed').toBe(parsed)
  return parsed
}

const boundary = (value = 'did:web:stratos.example.com/general') => ({ value })
const domains = (...values: unknown[]) => ({ $type: 'zone.stratos.boundary.defs#Domains', values })
const cid = 'bafyreieqrl2ubdwkmlksykmyh7hxheoawknlmeommud6ym3loospdsyzry'
const uri = 'at://did:plc:alice/zone.stratos.feed.post/3jzfcijpj2z2a'

describe('zone.stratos.feed.post', () => {
  const schema = zone.stratos.feed.post.main
  const createdAt = '2024-01-15T12:00:00.000Z'
  const post = { $type: 'zone.stratos.feed.post', text: 'hello', boundary: domains(boundary()), createdAt }
  const source = {
    vary: 'authenticated',
    subject: { uri, cid },
    service: 'did:web:stratos.example.com#atproto_pns',
  }
  const strongRef = { uri, cid }

  it.each<[string, object]>([
    ['a full record', post],
    ['a stub', { $type: post.$type, source, createdAt }],
    [
      'a stub whose service has no fragment',
      { $type: post.$type, source: { ...source, service: 'did:web:a' }, createdAt },
    ],
    ['a text of exactly 3000 bytes', { ...post, text: '👩‍👧'.repeat(272) + 'x'.repeat(8) }],
    ['300 characters', { ...post, text: 'x'.repeat(300) }],
    ['no text', { ...post, text: '' }],
    ['ten boundaries', { ...post, boundary: domains(...Array(10).fill(boundary())) }],
    ['a boundary of 253 characters', { ...post, boundary: domains(boundary('d'.repeat(253))) }],
    ['a reply', { ...post, reply: { root: strongRef, parent: strongRef } }],
    ['an embedded record', { ...post, embed: { $type: 'app.bsky.embed.record', record: strongRef } }],
    ['three languages', { ...post, langs: ['en', 'pt-BR', 'nv'] }],
    ['eight tags', { ...post, tags: Array(8).fill('t'.repeat(64)) }],
    ['a member that the lexicon does not know', { ...post, mood: 'calm' }],
  ])('takes %s', (_, record) => {
    expect(isValid(schema, record)).toBe(true)
  })

  it.each<[string, object]>([
    ['no date', { ...post, createdAt: undefined }],
    ['a date that is none', { ...post, createdAt: 'yesterday' }],
    ['301 characters', { ...post, text: 'x'.repeat(301) }],
    ['300 characters of more than 3000 bytes', { ...post, text: '👩‍👧'.repeat(300) }],
    ['a text that is a number', { ...post, text: 5 }],
    ['eleven boundaries', { ...post, boundary: domains(...Array(11).fill(boundary())) }],
    ['a boundary of 254 characters', { ...post, boundary: domains(boundary('d'.repeat(254))) }],
    ['boundaries as bare text', { ...post, boundary: domains('did:web:a/b') }],
    ['boundaries without a type', { ...post, boundary: { values: [boundary()] } }],
    ['boundaries without values', { ...post, boundary: { $type: 'zone.stratos.boundary.defs#Domains' } }],
    ['half a reply', { ...post, reply: { root: strongRef } }],
    ['an embed without a type', { ...post, embed: { record: strongRef } }],
    ['a broken embed', { ...post, embed: { $type: 'app.bsky.embed.record', record: { uri } } }],
    ['four languages', { ...post, langs: ['en', 'pt', 'nv', 'de'] }],
    ['a language that is none', { ...post, langs: ['not a language'] }],
    ['nine tags', { ...post, tags: Array(9).fill('t') }],
    ['a tag of 65 characters', { ...post, tags: ['t'.repeat(65)] }],
    ['a source without its service', { ...post, source: { ...source, service: undefined } }],
    ['a source whose subject has no CID', { ...post, source: { ...source, subject: { uri } } }],
    [
      'a source whose subject is no record',
      { ...post, source: { ...source, subject: { uri: 'https://a.example', cid } } },
    ],
  ])('refuses %s', (_, record) => {
    expect(isValid(schema, record)).toBe(false)
  })
})

describe('zone.stratos.actor.enrollment', () => {
  const schema = zone.stratos.actor.enrollment.main
  const sig = { $bytes: Buffer.alloc(64, 7).toString('base64').replace(/=+$/, '') }
  const attestation = { sig, signingKey: 'did:key:zQ3shExample' }
  const enrollment = {
    $type: 'zone.stratos.actor.enrollment',
    service: 'https://stratos.example.com',
    boundaries: [boundary(), boundary('did:web:stratos.example.com/writers')],
    signingKey: 'did:key:zDnaeExample',
    attestation,
    createdAt: '2024-01-15T12:00:00.000Z',
  }

  it.each<[string, object]>([
    ['a full record', enrollment],
    ['no boundaries', { ...enrollment, boundaries: [] }],
    ['a record that is silent about boundaries', { ...enrollment, boundaries: undefined }],
    ['fifty boundaries', { ...enrollment, boundaries: Array(50).fill(boundary()) }],
    ['a service on this machine', { ...enrollment, service: 'http://localhost:3100' }],
  ])('takes %s', (_, record) => {
    expect(isValid(schema, record)).toBe(true)
  })

  it.each<[string, object]>([
    ['no service', { ...enrollment, service: undefined }],
    ['a service without a scheme', { ...enrollment, service: 'stratos.example.com' }],
    ['no signing key', { ...enrollment, signingKey: undefined }],
    ['no attestation', { ...enrollment, attestation: undefined }],
    ['an attestation without a key', { ...enrollment, attestation: { sig } }],
    ['a signature that is text', { ...enrollment, attestation: { ...attestation, sig: 'c2ln' } }],
    ['a signature of 3 bytes', { ...enrollment, attestation: { ...attestation, sig: { $bytes: 'c2ln' } } }],
    ['no date', { ...enrollment, createdAt: undefined }],
    ['boundaries as bare text', { ...enrollment, boundaries: ['did:web:stratos.example.com/general'] }],
    ['51 boundaries', { ...enrollment, boundaries: Array(51).fill(boundary()) }],
    ['a boundary of 254 characters', { ...enrollment, boundaries: [boundary('d'.repeat(254))] }],
  ])('refuses %s', (_, record) => {
    expect(isValid(schema, record)).toBe(false)
  })
})
