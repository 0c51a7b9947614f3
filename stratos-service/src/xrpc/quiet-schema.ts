import { l } from '@atproto/lex'

/**
 * The same method, whose parameters and input are parsed at less cost. The parser makes an error, with a message and a stack
 * trace, for each optional member that is absent, only to drop it.
 */
export function withQuietParsing<M extends l.Procedure | l.Query>(method: l.Main<M>): l.Main<M> {
  const schema: l.Procedure | l.Query = l.getMain(method)
  const fromQuery = quietly(withQuietMembers(schema.parameters), 'fromURLSearchParams')
  const parts = { parameters: { value: fromQuery }, ...('input' in schema ? quietInputOf(schema.input) : {}) }
  return Object.create(schema, parts) as l.Main<M>
}

function quietInputOf(input: l.Procedure['input']): PropertyDescriptorMap {
  if (input.schema === undefined) return {}
  return {
    input: {
      value: Object.create(input, { schema: { value: quietly(withQuietMembers(input.schema), 'parse') } }),
    },
  }
}

/** Of the schemas that methods have, those that list members. */
function withQuietMembers<T extends object>(schema: T): T
function withQuietMembers(schema: object): object {
  if (schema instanceof l.ObjectSchema) return l.object(quietMembers(schema.shape))
  if (schema instanceof l.ParamsSchema) return l.params(quietMembers(schema.shape))
  return schema
}

function quietMembers<T extends object>(shape: T): T {
  const quiet = ([name, member]: [string, unknown]) =>
    member instanceof l.OptionalSchema && !(member.validator instanceof l.WithDefaultSchema)
      ? [name, new QuietOptional(member.validator)]
      : [name, member]
  return Object.fromEntries(Object.entries(shape).map(quiet)) as T
}

/** A member that may be absent and has no default. */
class QuietOptional extends l.OptionalSchema<l.Validator> {
  override validateInContext(input: unknown, context: l.ValidationContext): l.ValidationResult<unknown> {
    return input === undefined ? context.success(input) : super.validateInContext(input, context)
  }
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
