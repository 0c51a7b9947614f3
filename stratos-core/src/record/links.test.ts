import type { LexMap } from '@atproto/lex-data'
import { describe, expect, it } from 'vitest'
import { linksOf } from './links.ts'

const CID = 'bafyreieqrl2ubdwkmlksykmyh7hxheoawknlmeommud6ym3loospdsyzry'
const uri = (name: string) => `at://did:plc:${name}/zone.stratos.feed.post/3jzfcijpj2z2a`
const ref = (name: string) => ({ uri: uri(name), cid: CID })
const pairs = (record: LexMap) => linksOf(record).map(({ path, target }) => [path, target])

describe('linksOf', () => {
  it('finds both ends of a reply', () => {
    expect(pairs({ reply: { parent: ref('alice'), root: ref('bob') } })).toEqual([
      ['reply.parent.uri', uri('alice')],
      ['reply.root.uri', uri('bob')],
    ])
  })

  it('finds embedded records at any depth, with the names on the way and without positions', () => {
    const media = { $type: 'app.bsky.embed.external', external: { uri: 'https://example.com/', title: '' } }
    const record = { $type: 'app.bsky.embed.record', record: ref('alice') }
    expect(pairs({ embed: record })).toEqual([['embed.record.uri', uri('alice')]])
    expect(pairs({ embed: { record, media } })).toEqual([['embed.record.record.uri', uri('alice')]])
    expect(pairs({ embed: { items: [ref('alice'), [ref('bob')], ref('alice')] } })).toEqual([
      ['embed.items.uri', uri('alice')],
      ['embed.items.uri', uri('bob')],
    ])
  })

  it.each([
    ['the URI of a record', uri('alice'), [['subject', uri('alice')]]],
    ['the DID of an account', 'did:plc:alice', [['subject', 'did:plc:alice']]],
    ['an object with a URI', ref('alice'), [['subject.uri', uri('alice')]]],
  ])('finds a subject that is %s', (_what, subject, expected) => {
    expect(pairs({ subject })).toEqual(expected)
  })

  it.each([
    ['prose', { subject: 'about cats' }],
    ['a web address', { subject: 'https://example.com/' }],
    ['a URI with a handle', { subject: 'at://alice.test/zone.stratos.feed.post/3jzfcijpj2z2a' }],
    ['the URI of a repo', { subject: 'at://did:plc:alice' }],
    ['a member of another name', { about: uri('alice'), subjects: [uri('alice')] }],
    ['a number', { subject: 7 }],
    [
      'a URI of more than 1,024 characters',
      { subject: `at://did:plc:alice/com.example.a/${'k'.repeat(1_000)}` },
    ],
    ['what lies behind very long names', { embed: { ['n'.repeat(256)]: ref('alice') } }],
    ['half a reply', { reply: { parent: { cid: CID } } }],
  ])('does not take %s for a link', (_what, record) => {
    expect(pairs(record)).toEqual([])
  })
})
