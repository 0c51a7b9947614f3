import { l } from '@atproto/lex'

/**
 * The same method, whose input is parsed without stack traces. The parser makes an error for each optional member that is
 * absent, only to drop it, and most of what that costs is the trace.
 */
export function withQuietInput<M extends l.Procedure | l.Query>(method: l.Main<M>): l.Main<M> {
  const schema: l.Procedure | l.Query = l.getMain(method)
  const body = 'input' in schema ? schema.input.schema : undefined
  if (!('input' in schema) || body === undefined) return method
  const parse: typeof body.parse = (input, options) => withoutTraces(() => body.parse(input, options))
  const quietBody: unknown = Object.create(body, { parse: { value: parse } })
  const input: unknown = Object.create(schema.input, { schema: { value: quietBody } })
  return Object.create(schema, { input: { value: input } }) as l.Main<M>
}

/** @param work must not wait for anything: whatever fails meanwhile has no trace either */
function withoutTraces<T>(work: () => T): T {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    return work()
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}
