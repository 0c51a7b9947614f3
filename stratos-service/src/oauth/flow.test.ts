import { expect, it } from 'vitest'
import { beginFlow, clearFlowCookie } from './flow.ts'

it('OAU-021: the cookie of a flow is for this very host, for https and for ten minutes', () => {
  const { flow, setCookie } = beginFlow(null, true)
  expect(setCookie).toMatch(
    /^__Host-stratos_flow_[0-9a-f]{12}=[\w-]{43}; Path=\/; Secure; Max-Age=600; HttpOnly; SameSite=Lax$/,
  )
  expect(clearFlowCookie(flow, true)).toBe(
    `${flow.cookie}=; Path=/; Secure; Max-Age=0; HttpOnly; SameSite=Lax`,
  )
})

it('OAU-021: on a local network without https the cookie is for the pages of enrollment', () => {
  expect(beginFlow(null, false).setCookie).toMatch(
    /^stratos_flow_[0-9a-f]{12}=[\w-]{43}; Path=\/oauth; Max-Age=600; HttpOnly; SameSite=Lax$/,
  )
})
