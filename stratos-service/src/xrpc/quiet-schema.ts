import { l } from '@atproto/lex'

/**
 * The same method, whose parameters and input are parsed without stack traces. The parser makes an error for each optional
 * member that is absent, only to drop it, and most of what that costs is the trace.
 */
export function withQuietParsing<M extends l.Procedure | l.Query>(method: l.Main<M>): l.Main<M> {
  const schema: l.Procedure | l.Query = l.getMain(method)
  const fromQuery = quietly(schema.parameters, 'fromURLSearchParams')
  const parts = { parameters: { value: fromQuery }, ...('input' in schema ? quietInputOf(schema.input) : {}) }
  return Object.create(schema, parts) as l.Main<M>
}

function quietInputOf(input: l.Procedure['input']): PropertyDescriptorMap {
  if (input.schema === undefined) return {}
  return { input: { value: Object.create(input, { schema: { value: quietly(input.schema, 'parse') } }) } }
}

/** The same object but for one of its methods. */
function quietly<N extends string, T extends { readonly [K in N]: (...args: never[]) => unknown }>(
  whole: T,
  name: N,
): unknown {
  const run = (...args: never[]) => withoutTraces(() => whole[name](...args))
  return Object.create(whole, { [name]: { value: run } })
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
