import { CompiledQuery, type Compilable, type Kysely, type QueryResult } from 'kysely'

/** Far more than there are shapes of statements; beyond it somebody makes up names. */
const MAX_COMPILED = 1_000

type Leaf = string | number | bigint | boolean | null | Uint8Array
/** What a statement is given: single values, and lists of them of any length. */
export type Values = Leaf | readonly Values[] | { readonly [name: string]: Values }

interface Compiled {
  readonly sql: string
  /** Slots are to be filled; everything else is the same every time. */
  readonly parameters: readonly unknown[]
}

/** Stands for a value while a statement is built. */
class Slot {
  readonly index: number

  constructor(index: number) {
    this.index = index
  }
}

/**
 * The statements of one set of tables in one schema, each built and compiled once for each length of the lists that it is
 * given: with a query builder that takes longer than the database takes to run it.
 */
export class Statements {
  readonly #compiled = new Map<string, Compiled>()

  /**
   * Runs a statement.
   *
   * @param db whose tables are those of every other call with the same name
   * @param values lists must have elements of one kind
   * @param build gets, in place of the values, something to put into the query that must not be looked at: it runs once,
   *   for all values to come. Lengths of lists are real.
   */
  async run<DB, const V extends Values, R>(
    db: Kysely<DB>,
    name: string,
    values: V,
    build: (values: V) => Compilable<R>,
  ): Promise<QueryResult<R>> {
    const leaves: Leaf[] = []
    const shape = gather(values, name, leaves)
    const { sql, parameters } = this.#compiled.get(shape) ?? this.#compile(shape, build(slotsFor(values)))
    return db.executeQuery<R>(
      CompiledQuery.raw(
        sql,
        parameters.map((given) => (given instanceof Slot ? leaves[given.index] : given)),
      ),
    )
  }

  #compile(shape: string, query: Compilable): Compiled {
    const { sql, parameters } = query.compile()
    const compiled = { sql: withSteadyPlan(sql, parameters.length), parameters }
    if (this.#compiled.size >= MAX_COMPILED) this.#compiled.clear()
    this.#compiled.set(shape, compiled)
    return compiled
  }
}

/**
 * Keeps SQLite from making a new plan for each run. Where a statement joins tables it looks at values to see whether they
 * allow for another plan, and then prepares the statement again whenever they are bound, for several times what it takes to
 * run it. It does not look behind a plus, which changes nothing. Postgres has other placeholders.
 */
function withSteadyPlan(sql: string, parameters: number): string {
  const parts = sql.split('?')
  return parts.length === parameters + 1 ? parts.join('+?') : sql
}

/** Adds the values to `leaves`, in the order of their slots. @returns `shape` with the lengths of all lists */
function gather(values: Values, shape: string, leaves: Leaf[]): string {
  if (isLeaf(values)) {
    leaves.push(values)
    return shape
  }
  if (!Array.isArray(values)) {
    for (const member of Object.values(values)) shape = gather(member, shape, leaves)
    return shape
  }
  shape = `${shape} ${values.length}`
  for (const element of values as readonly Values[]) shape = gather(element, shape, leaves)
  return shape
}

/** The same structure with slots for leaves; it has the type of the values so that the query builder's types hold. */
function slotsFor<V extends Values>(values: V): V {
  let count = 0
  const replace = (value: Values): unknown => {
    if (isLeaf(value)) return new Slot(count++)
    if (Array.isArray(value)) return value.map(replace)
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, replace(member)]))
  }
  return replace(values) as V
}

function isLeaf(value: Values): value is Leaf {
  return typeof value !== 'object' || value === null || value instanceof Uint8Array
}
