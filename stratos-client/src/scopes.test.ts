import { expect, it } from 'vitest'
import { buildCollectionScope, buildStratosScopes } from './scopes.ts'

it('asks for a whole collection without naming actions', () => {
  expect(buildCollectionScope('zone.stratos.feed.post')).toBe('repo:zone.stratos.feed.post')
  expect(buildCollectionScope('zone.stratos.feed.post', ['delete', 'create', 'update'])).toBe(
    'repo:zone.stratos.feed.post',
  )
})

it('names the actions in the given order when there are fewer', () => {
  expect(buildCollectionScope('a.b.c', ['delete', 'create'])).toBe('repo:a.b.c?action=delete&action=create')
})

it('asks for the enrollment record and the stubs by default', () => {
  expect(buildStratosScopes()).toEqual([
    'atproto',
    'repo:zone.stratos.actor.enrollment',
    'repo:zone.stratos.feed.post',
  ])
})

it('asks for nothing on the PDS when the app writes nothing there', () => {
  expect(buildStratosScopes({ collections: [] })).toEqual(['atproto'])
})

it.each([
  ['did:web:stratos.example.com', undefined, 'did:web:stratos.example.com%23atproto_pns'],
  ['did:web:stratos.example.com', 'private', 'did:web:stratos.example.com%23private'],
  ['did:web:localhost%3A3100', undefined, 'did:web:localhost%253A3100%23atproto_pns'],
])('names %s as the audience so that it survives URL decoding', (serviceDid, serviceFragment, encoded) => {
  const scope = buildStratosScopes({ serviceDid, serviceFragment }).at(-1) ?? ''
  expect(scope).toBe(`rpc:zone.stratos.server.createSession?aud=${encoded}`)
  const audience = new URLSearchParams(scope.split('?')[1]).get('aud')
  expect(audience).toBe(`${serviceDid}#${serviceFragment ?? 'atproto_pns'}`)
})
