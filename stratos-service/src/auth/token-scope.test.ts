import { describe, expect, it } from 'vitest'
import { isWithinTokens, readTokenScope } from './token-scope.ts'

const POST = 'zone.stratos.feed.post'

describe('the scope of an access token', () => {
  it.each([
    ['atproto transition:generic', 'delete', true],
    [`atproto repo:${POST}`, 'delete', true],
    [`atproto repo:${POST}?action=create`, 'create', true],
    [`atproto repo:${POST}?action=create`, 'delete', false],
    [`atproto repo:${POST}?action=create&action=delete`, 'delete', true],
    ['atproto repo:*', 'update', true],
    ['atproto repo:*?action=update', 'create', false],
    [`atproto repo?collection=a.b.c&collection=${POST}`, 'create', true],
    [`atproto repo:a.b.c?collection=${POST}`, 'create', false],
    ['atproto repo:app.bsky.feed.post', 'create', false],
    [`atproto repo:${POST}?action=everything`, 'create', false],
    [`atproto repo:${POST}?action=create&until=2030`, 'create', false],
    [`atproto repo:${POST}%`, 'create', false],
    ['atproto repository:*', 'create', false],
    ['atproto repo', 'create', false],
    ['atproto', 'create', false],
    ['', 'create', false],
    [undefined, 'create', false],
    [['repo:*'], 'create', false],
  ] as const)('%j lets its bearer %s a post: %s', (scope, action, allowed) => {
    expect(readTokenScope(scope).mayWrite(action, POST)).toBe(allowed)
  })

  it('opens queries, and procedures only if a scope can say something about them', () => {
    expect(isWithinTokens('zone.stratos.server.listSessions', 'query')).toBe(true)
    expect(isWithinTokens('com.atproto.repo.applyWrites', 'procedure')).toBe(true)
    expect(isWithinTokens('zone.stratos.repo.hydrateRecords', 'procedure')).toBe(true)
    expect(isWithinTokens('zone.stratos.enrollment.unenroll', 'procedure')).toBe(false)
    expect(isWithinTokens('zone.stratos.server.deleteSession', 'procedure')).toBe(false)
  })
})
