import { isUtf8 } from 'node:buffer'
import express, { type Request, type Response } from 'express'
import { MAX_RECORD_DEPTH, StratosError } from 'stratos-core'

/** A batch has its records three levels down. */
const MAX_DEPTH = MAX_RECORD_DEPTH + 3
const MAX_MEMBERS = 10_000

/**
 * Reads the JSON body of a request, if it has one, for the XRPC server to find. Other kinds of bodies are left alone.
 *
 * The promise rejects with `StratosError` `PayloadTooLarge`, or `InvalidRequest` as `parseJson` throws it.
 */
export type ReadJsonBody = (req: Request, res: Response) => Promise<void>

/** @param maxBytes of the body after decompression */
export function jsonBody(maxBytes: number): ReadJsonBody {
  const read = express.raw({ limit: maxBytes, type: 'application/json' })
  return async (req, res) => {
    await new Promise<void>((resolve, reject) =>
      read(req, res, (err?: unknown) => (err === undefined ? resolve() : reject(unreadable(err)))),
    )
    if (Buffer.isBuffer(req.body)) req.body = parseJson(req.body)
  }
}

/**
 * Parses JSON. Stricter than `JSON.parse`, which never sees bytes that are no UTF-8 and keeps the last of several members
 * of one name: whoever reads the same request after us must not read another one.
 *
 * @throws {StratosError} `InvalidRequest` if it is not JSON in UTF-8 without a byte order mark, if an object has two members
 *   of one name, if it is nested more than 67 deep, or if it has more than 10,000 members
 * @see https://www.rfc-editor.org/rfc/rfc8259#section-4
 */
export function parseJson(bytes: Buffer): unknown {
  if (!isUtf8(bytes) || bytes.subarray(0, 3).equals(BYTE_ORDER_MARK)) {
    throw invalid('the body must be UTF-8 without a byte order mark')
  }
  const text = bytes.toString('utf8')
  const members = countWritten(text)
  if (members > MAX_MEMBERS) throw invalid(`the body may have at most ${MAX_MEMBERS} members`)
  const value = parse(text)
  if (countRead(value) !== members) throw invalid('an object of the body has two members of one name')
  return value
}

const BYTE_ORDER_MARK = Buffer.from('\ufeff')
const [QUOTE, BACKSLASH, COLON] = ['"', '\\', ':'].map((character) => character.charCodeAt(0))
const OPENING = new Set(['{', '['].map((character) => character.charCodeAt(0)))
const CLOSING = new Set(['}', ']'].map((character) => character.charCodeAt(0)))

/** How many members the text writes down; of text that is not JSON, anything. Refuses what is nested too deep. */
function countWritten(text: string): number {
  let members = 0
  let depth = 0
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index)
    if (code === QUOTE) index = endOfText(text, index)
    else if (code === COLON) members += 1
    else if (CLOSING.has(code)) depth -= 1
    else if (OPENING.has(code) && (depth += 1) > MAX_DEPTH) throw invalid('the body is nested too deep')
  }
  return members
}

function endOfText(text: string, start: number): number {
  let index = start + 1
  for (; index < text.length && text.charCodeAt(index) !== QUOTE; index += 1) {
    if (text.charCodeAt(index) === BACKSLASH) index += 1
  }
  return index
}

/** How many members a value has, at all levels. */
function countRead(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  const inside = Object.values(value)
  let members = Array.isArray(value) ? 0 : inside.length
  for (const member of inside) members += countRead(member)
  return members
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new StratosError('InvalidRequest', 'the body is not JSON', { cause })
  }
}

/** The reader says by a status what is wrong: too large, a compression that it does not know, or a broken connection. */
function unreadable(cause: unknown): unknown {
  if (!(cause instanceof Error) || !('status' in cause)) return cause
  if (cause.status === 413) return new StratosError('PayloadTooLarge', 'the body is too large', { cause })
  return new StratosError('InvalidRequest', cause.message, { cause })
}

function invalid(message: string): StratosError {
  return new StratosError('InvalidRequest', message)
}
