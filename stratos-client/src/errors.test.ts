import { expect, it } from 'vitest'
import { StratosClientError, findStratosClientError } from './errors.ts'

it('finds the failure behind the error of another library', () => {
  const failure = new StratosClientError('SessionRefused', 'no', { status: 409, serverError: 'KeyInUse' })
  const wrapped = new Error('outer', { cause: new Error('inner', { cause: failure }) })
  expect(findStratosClientError(wrapped)).toBe(failure)
  expect(findStratosClientError(failure)).toBe(failure)
})

it('finds nothing where there is nothing, circles included', () => {
  const circular = new Error('a')
  circular.cause = circular
  for (const error of [circular, new Error('plain'), 'text', undefined]) {
    expect(findStratosClientError(error)).toBeNull()
  }
})
