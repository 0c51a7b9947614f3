import { parseDid, type Viewer } from 'stratos-core'
import { expect, it } from 'vitest'
import { ExportSlots } from './export-slots.ts'

const user = (name: string): Viewer => ({
  kind: 'user',
  did: parseDid(`did:web:${name}.example`),
  enrolled: true,
  boundaries: new Set(),
})
const service: Viewer = { kind: 'service', did: parseDid('did:web:appview.example') }

it('accounts that read slowly leave places to services, and get their own back', () => {
  const slots = new ExportSlots()
  const taken = Array.from({ length: 5 }, () => slots.take(user('alice')))
  expect(() => slots.take(user('alice'))).toThrow(expect.objectContaining({ code: 'RateLimitExceeded' }))
  taken.push(slots.take(user('bob')))
  expect(() => slots.take(user('bob'))).toThrow(expect.objectContaining({ code: 'ServiceUnavailable' }))
  const catchingUp = [slots.take(service), slots.take(service)]
  expect(() => slots.take(service)).toThrow(expect.objectContaining({ code: 'ServiceUnavailable' }))
  for (const end of catchingUp) end()
  for (const end of taken) {
    end()
    end()
  }
  for (let count = 0; count < 8; count += 1) slots.take(service)
  expect(() => slots.take(user('alice'))).toThrow(expect.objectContaining({ code: 'ServiceUnavailable' }))
})
