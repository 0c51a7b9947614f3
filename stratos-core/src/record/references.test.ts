import { describe, expect, it } from 'vitest'
import type { Boundary } from '../boundary/boundary.ts'
import type { AtUri } from '../ids.ts'
import { assertNoPrivateEmbed, checkReferences, referencesOf } from './references.ts'

const INVALID = expect.objectContaining({ code: 'InvalidRecord' })

const PARENT: AtUri = 'at://did:plc:alice/zone.stratos.feed.post/3jzfcijpj2z2a'
const ROOT: AtUri = 'at://did:plc:bob/zone.stratos.feed.post/3jzfcijpj2z2a'
const PUBLIC = 'at://did:plc:carol/app.bsky.feed.post/3jzfcijpj2z2a'
const CID = 'bafyreieqrl2ubdwkmlksykmyh7hxheoawknlmeommud6ym3loospdsyzry'

const A: Boundary = 'did:web:s.example.com/a'
const B: Boundary = 'did:web:s.example.com/b'
const C: Boundary = 'did:web:s.example.com/c'

const ref = (uri: unknown) => ({ uri, cid: CID })
const post = (members: object) => ({ $type: 'zone.stratos.feed.post', text: 'hello', ...members })
const replyTo = (parent: unknown, root: unknown) => post({ reply: { parent: ref(parent), root: ref(root) } })
const quote = (uri: unknown) => ({ $type: 'app.bsky.embed.record', record: ref(uri) })
const quoteWithMedia = (uri: unknown) => ({
  $type: 'app.bsky.embed.recordWithMedia',
  record: quote(uri),
  media: { $type: 'app.bsky.embed.images', images: [] },
})

describe('referencesOf', () => {
  it.each([
    ['a plain post', post({}), []],
    ['a reply', replyTo(PARENT, ROOT), [PARENT, ROOT]],
    ['a reply to the first post of a thread', replyTo(ROOT, ROOT), [ROOT]],
    ['a quote', post({ embed: quote(PARENT) }), [PARENT]],
    ['a quote with media', post({ embed: quoteWithMedia(PARENT) }), [PARENT]],
    ['a quote three levels deep', post({ embed: { record: { record: { record: ref(PARENT) } } } }), [PARENT]],
    [
      'a quote in an unknown kind of embed',
      post({ embed: { $type: 'com.example#x', items: [ref(PARENT)] } }),
      [PARENT],
    ],
    ['a reply with a quote', { ...replyTo(PARENT, PARENT), embed: quote(ROOT) }, [PARENT, ROOT]],
    [
      'a web link',
      post({ embed: { $type: 'app.bsky.embed.external', external: { uri: 'https://a.example' } } }),
      [],
    ],
    [
      'a link into a repo',
      post({ embed: { $type: 'app.bsky.embed.external', external: { uri: PARENT } } }),
      [PARENT],
    ],
    [
      'members that nobody knows',
      post({ embed: { $type: 'com.example#x', quoted: PARENT, list: [[ROOT]] } }),
      [PARENT, ROOT],
    ],
    [
      'text that only mentions a scheme',
      post({ embed: { external: { title: 'meet at: the pub, not at://', description: 'at home' } } }),
      [],
    ],
    ['another kind of record', { $type: 'zone.stratos.other', reply: 'yes', embed: quote(PARENT) }, []],
  ])('lists those of %s', (_, record, references) => {
    expect(referencesOf(record)).toEqual(references)
  })

  it.each([
    ['a quote of a public post', post({ embed: quote(PUBLIC) })],
    ['a quote of a public post with media', post({ embed: quoteWithMedia(PUBLIC) })],
    ['a public post hidden three levels deep', post({ embed: { a: [{ b: { c: ref(PUBLIC) } }] } })],
    ['a quote of a public post by handle', post({ embed: quote('at://carol.test/app.bsky.feed.post/1') })],
    [
      'a quote of a public post in other letters',
      post({ embed: quote('at://did:plc:carol/APP.BSKY.feed.post/1') }),
    ],
    ['a public post in a member that nobody knows', post({ embed: { quoted: PUBLIC } })],
    ['a public post as the name of a member', post({ embed: { [PUBLIC]: true } })],
    ['a public post after a blank', post({ embed: quote(` ${PUBLIC}`) })],
    ['a public post before a line break', post({ embed: quoteWithMedia(`${PUBLIC}\n`) })],
    [
      'a public post behind invisible characters',
      post({ embed: { x: `\u200b\ufeffat:\t//${PUBLIC.slice(5)}` } }),
    ],
    ['a public post in upper case', post({ embed: { x: PUBLIC.toUpperCase() } })],
    ['a public post with an escaped dot', post({ embed: { x: PUBLIC.replace('app.', 'app%2E') } })],
    ['a private post with a blank', post({ embed: quote(`${PARENT} `) })],
    [
      'more quotes than can be looked up',
      post({ embed: { list: Array.from({ length: 21 }, (_, index) => `${PARENT.slice(0, -2)}${index}`) } }),
    ],
    ['a quote by handle', post({ embed: quote('at://alice.test/zone.stratos.feed.post/1') })],
    ['a quote of a whole repo', post({ embed: quote('at://did:plc:alice') })],
    ['a quote in upper case', post({ embed: quote('AT://did:plc:alice/zone.stratos.feed.post/1') })],
    ['a quote of endless length', post({ embed: quote(`${PARENT}${'a'.repeat(10_000)}`) })],
    ['a reply that is text', post({ reply: PARENT })],
    ['a reply that is null', post({ reply: null })],
    ['a reply without root', post({ reply: { parent: ref(PARENT) } })],
    ['a reply without parent', post({ reply: { root: ref(PARENT) } })],
    ['a reply whose parent is a number', replyTo(7, ROOT)],
    ['a reply whose parent is a web page', replyTo('https://a.example', ROOT)],
    ['a reply by handle', replyTo('at://alice.test/zone.stratos.feed.post/1', ROOT)],
  ])('refuses %s', (_, record) => {
    expect(() => referencesOf(record)).toThrow(INVALID)
  })
})

describe('checkReferences', () => {
  const visible = new Map<AtUri, readonly string[]>([
    [PARENT, [A, B]],
    [ROOT, [B, C]],
  ])

  it.each([
    ['no reference behind anything', post({}), [C]],
    ['a reply as wide as the parent', replyTo(PARENT, PARENT), [A, B]],
    ['a narrower reply', replyTo(PARENT, PARENT), [B]],
    ['what parent and root share', replyTo(PARENT, ROOT), [B]],
    ['a quote behind what it quotes', post({ embed: quoteWithMedia(ROOT) }), [C]],
  ])('allows %s', (_, record, boundaries) => {
    expect(() => checkReferences(record, boundaries, visible)).not.toThrow()
  })

  it.each([
    ['a reply wider than the parent', replyTo(PARENT, PARENT), [A, B, C]],
    ['a reply behind another boundary', replyTo(PARENT, PARENT), [C]],
    ['a reply behind what only the parent has', replyTo(PARENT, ROOT), [A]],
    ['a reply behind what only the root has', replyTo(PARENT, ROOT), [C]],
    ['a quote wider than what it quotes', post({ embed: quoteWithMedia(ROOT) }), [A]],
    ['a reply to a public post', replyTo(PUBLIC, PUBLIC), [A]],
    ['a reply whose root is public', replyTo(PARENT, PUBLIC), [A]],
    ['a reply to a post that cannot be seen', replyTo(`${PARENT}x`, PARENT), [A]],
    ['a quote of a record elsewhere', post({ embed: quote('at://did:plc:x/com.example.thing/1') }), [A]],
  ])('refuses %s', (_, record, boundaries) => {
    expect(() => checkReferences(record, boundaries, visible)).toThrow(INVALID)
  })

  it('does not tell which boundaries the other record has', () => {
    expect(() => checkReferences(replyTo(PARENT, PARENT), [A, C], visible)).not.toThrow(
      new RegExp(`${A}|${B}|${C}`),
    )
    expect(() => checkReferences(replyTo(PARENT, PARENT), [A, C], visible)).toThrow(INVALID)
  })
})

describe('assertNoPrivateEmbed', () => {
  const publicPost = (embed: unknown) => ({ $type: 'app.bsky.feed.post', text: 'look', embed })

  it.each([
    ['a private post', quote(PARENT)],
    ['a private post with media', quoteWithMedia(PARENT)],
    ['a private post by handle', quote('at://alice.test/zone.stratos.feed.post/1')],
    ['a private post in other letters', quote('AT://did:plc:alice/Zone.Stratos.feed.post/1')],
    ['a link to a private post', { external: { uri: PARENT } }],
    ['a private post in a member that nobody knows', { quoted: [` ${PARENT}`] }],
  ])('refuses %s', (_, embed) => {
    expect(() => assertNoPrivateEmbed(publicPost(embed))).toThrow(INVALID)
  })

  it.each([
    ['nothing', undefined],
    ['a public post', quote(PUBLIC)],
    ['a web page', { external: { uri: 'https://example.com/zone.stratos.feed.post' } }],
    ['a collection that begins alike', quote('at://did:plc:x/zone.stratosphere.post/1')],
  ])('allows %s', (_, embed) => {
    expect(() => assertNoPrivateEmbed(publicPost(embed))).not.toThrow()
  })
})
