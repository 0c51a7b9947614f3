import { ANONYMOUS, type Viewer } from 'stratos-core'
import { describe, expect, it } from 'vitest'
import { PageCursors } from './page-cursors.ts'

const cursors = new PageCursors(Buffer.alloc(32, 1))
const bob: Viewer = { kind: 'user', did: 'did:plc:bob', enrolled: true, boundaries: new Set() }
const listing = ['records', 'did:plc:alice', 'zone.stratos.feed.post']

describe('a cursor', () => {
  const cursor = cursors.seal(bob, listing, '3kaaaaaaaaaa2')

  it('is opened by whoever it was made for, in the same listing, on any instance', () => {
    expect(cursors.open(bob, listing, cursor)).toBe('3kaaaaaaaaaa2')
    expect(new PageCursors(Buffer.alloc(32, 1)).open(bob, listing, cursor)).toBe('3kaaaaaaaaaa2')
  })

  it.each<[string, () => string]>([
    ['another viewer', () => cursors.open({ ...bob, did: 'did:plc:eve' }, listing, cursor)],
    ['the service of the same DID', () => cursors.open({ kind: 'service', did: bob.did }, listing, cursor)],
    ['nobody in particular', () => cursors.open(ANONYMOUS, listing, cursor)],
    ['another listing', () => cursors.open(bob, [...listing, 'ascending'], cursor)],
    ['a service with another secret', () => new PageCursors(Buffer.alloc(32, 2)).open(bob, listing, cursor)],
    ['another spelling', () => cursors.open(bob, listing, `${cursor}=`)],
    ['less than it', () => cursors.open(bob, listing, cursor.slice(0, 10))],
    ['more than it', () => cursors.open(bob, listing, `${cursor}AA`)],
    ['nothing', () => cursors.open(bob, listing, '')],
    ['a bare key', () => cursors.open(bob, listing, '3kaaaaaaaaaa2')],
  ])('is refused to %s', (_who, open) => {
    expect(open).toThrow(expect.objectContaining({ code: 'InvalidRequest' }))
  })
})
