import { describe, expect, it } from 'vitest'
import { mergeNewest, mergeThread, parseThread, type AuthoredPost, type TimelinePage } from './timeline.ts'

const view = (rkey: string, record: object = {}) => ({
  uri: `at://did:plc:alice/zone.stratos.feed.post/${rkey}`,
  cid: `cid of ${rkey}`,
  author: { did: 'did:plc:alice', handle: 'alice.test' },
  record: { text: rkey, ...record },
})

describe('parseThread', () => {
  it('puts ancestors, the post and all answers into order, with what an answer has to refer to', () => {
    const root = { uri: 'at://did:plc:bob/a.b.c/1', cid: 'root' }
    const thread = parseThread({
      post: view('post', { reply: { root, parent: root } }),
      parent: { post: view('parent'), parent: { uri: 'at://did:plc:bob/a.b.c/1', notFound: true } },
      replies: [{ post: view('a'), replies: [{ post: view('b'), replies: [] }] }, { post: view('c') }],
    })
    expect(thread.ancestors.map((post) => post?.text ?? null)).toEqual([null, 'parent'])
    expect(thread.post.reply).toEqual({ root, parent: { uri: view('post').uri, cid: 'cid of post' } })
    expect(thread.replies.map(({ post, depth }) => [post.text, depth])).toEqual([
      ['a', 1],
      ['b', 2],
      ['c', 1],
    ])
    expect(thread.replies[0]?.post.reply.root).toEqual({ uri: view('a').uri, cid: 'cid of a' })
  })

  it.each([undefined, null, 'thread', {}])('refuses %j', (thread) => {
    expect(() => parseThread(thread)).toThrow(TypeError)
  })

  it('shows the DID of an author whose handle does not hold', () => {
    const author = { did: 'did:plc:alice', handle: 'handle.invalid' }
    expect(parseThread({ post: { ...view('x'), author } }).post.author.name).toBe('did:plc:alice')
  })
})

describe('mergeThread', () => {
  it('shows what is new, and the very posts that were there as long as they have not changed', () => {
    const read = (...replies: object[]) =>
      parseThread({ post: view('post'), parent: { post: view('parent') }, replies })
    const shown = read({ post: view('a') }, { post: view('b') })
    const edited = { ...view('b', { text: 'edited' }), cid: 'another' }
    const merged = mergeThread(shown, read({ post: view('a') }, { post: edited }, { post: view('c') }))
    expect(merged.post).toBe(shown.post)
    expect(merged.ancestors[0]).toBe(shown.ancestors[0])
    expect(merged.replies[0]?.post).toBe(shown.replies[0]?.post)
    expect(merged.replies.map(({ post }) => post.text)).toEqual(['a', 'edited', 'c'])
  })
})

describe('mergeNewest', () => {
  const page = (rkeys: string, cursor?: string): TimelinePage => ({
    posts: [...rkeys].map((rkey) => parseThread({ post: view(rkey) }).post),
    cursor,
  })
  const told = ({ posts, cursor }: TimelinePage) => [
    posts.map(({ text }: AuthoredPost) => text).join(''),
    cursor,
  ]

  it('keeps the very posts that have not changed', () => {
    const shown = page('ba')
    expect(mergeNewest(shown, page('cba')).posts.slice(1)).toEqual(shown.posts)
    expect(mergeNewest(shown, page('cba')).posts[1]).toBe(shown.posts[0])
  })

  it.each<[string, TimelinePage, TimelinePage, unknown]>([
    ['shows the first page', page(''), page('cba', '1'), ['cba', '1']],
    ['puts what is new on top and keeps later pages', page('cba', '2'), page('dc', '1'), ['dcba', '2']],
    ['drops what has gone from the first page', page('dcba', '2'), page('db', '1'), ['dba', '2']],
    ['goes on where it ends if nothing is shown behind it', page('ba', '1'), page('cb', '3'), ['cba', '1']],
    ['begins anew where nothing fits together', page('cba', '2'), page('zyx', '1'), ['zyx', '1']],
    ['knows when there is one page only', page('cba'), page('b'), ['b', undefined]],
  ])('%s', (_, shown, newest, expected) => {
    expect(told(mergeNewest(shown, newest))).toEqual(expected)
  })
})
