import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { PostgresError, translateError } from './postgres-errors.ts'

function databaseError(code: string): pg.DatabaseError {
  const err = new pg.DatabaseError('duplicate key (secret)=(words)', 1, 'error')
  return Object.assign(err, {
    code,
    detail: 'Failing row contains (words)',
    table: 'record',
    constraint: 'record_pk',
  })
}

describe('an error of Postgres', () => {
  it.each([
    ['a lost connection', '08006'],
    ['too many connections', '53300'],
    ['a full disk', '53100'],
    ['a lock that is held for too long', '55P03'],
    ['a statement that takes too long', '57014'],
    ['a server that shuts down', '57P01'],
    ['a server that starts', '57P03'],
    ['a deadlock', '40P01'],
    ['a transaction that did nothing for too long', '25P03'],
    ['a standby', '25006'],
  ])('means that the database is not available where it is about %s', (_what, code) => {
    expect(translateError(databaseError(code))).toMatchObject({ code: 'ServiceUnavailable' })
  })

  it.each(['23505', '42P01', '42501', '22P02', '0A000'])(
    '%s keeps its code and loses what the row contained',
    (code) => {
      const err = translateError(databaseError(code))
      expect(err).toBeInstanceOf(PostgresError)
      expect(err).toMatchObject({ code, message: expect.stringContaining('constraint record_pk') })
      expect(JSON.stringify(err, Object.getOwnPropertyNames(err))).not.toMatch(/words|secret/)
    },
  )

  it('is the fault of the request where text cannot be kept', () => {
    expect(translateError(databaseError('22021'))).toMatchObject({ code: 'InvalidRequest' })
  })

  it('is about the connection where it does not come from the server', () => {
    expect(translateError(new Error('Connection terminated unexpectedly'))).toMatchObject({
      code: 'ServiceUnavailable',
      cause: new Error('Connection terminated unexpectedly'),
    })
  })

  it('is passed on where it is a mistake of ours', () => {
    const mistake = new TypeError('cannot serialize')
    expect(translateError(mistake)).toBe(mistake)
  })
})
