/** What V8's profiler writes, as far as it is used here; a `.cpuprofile` file is this as JSON. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[]
  /** Ids of the nodes that were on top of the stack. */
  readonly samples: readonly number[]
  /** Microseconds from each sample's predecessor to itself. */
  readonly timeDeltas: readonly number[]
}

export interface ProfileNode {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  readonly children?: readonly number[]
}

/** Where time went. Milliseconds. */
export interface TimeEntry {
  readonly name: string
  readonly selfMs: number
  /** With everything it called, each function counted once however often it is on the stack. */
  readonly totalMs: number
}

export interface ProfileSummary {
  /** All but idling. */
  readonly busyMs: number
  readonly functions: readonly TimeEntry[]
  /** By npm package, or by folder of this repository. */
  readonly places: readonly TimeEntry[]
}

/** Adds up a profile. Entries are in no order. */
export function summarizeProfile({ nodes, samples, timeDeltas }: CpuProfile): ProfileSummary {
  const stacks = stacksOf(nodes)
  const functions = new Totals()
  const places = new Totals()
  let busyMs = 0
  for (const [index, id] of samples.entries()) {
    // A delta is the time before its sample; what was on top then is the sample before.
    const ms = (timeDeltas[index + 1] ?? 0) / 1000
    const stack = stacks.get(id)
    if (stack === undefined || stack[0]?.callFrame.functionName === '(idle)') continue
    busyMs += ms
    functions.add(
      stack.map((node, at) => describeFunction(node, stack[at + 1])),
      ms,
    )
    places.add(stack.map(placeOf), ms)
  }
  return { busyMs, functions: functions.entries(), places: places.entries() }
}

class Totals {
  readonly #self = new Map<string, number>()
  readonly #total = new Map<string, number>()

  /** @param names from the top of the stack down */
  add(names: readonly string[], ms: number): void {
    const [top] = names
    if (top !== undefined) this.#self.set(top, (this.#self.get(top) ?? 0) + ms)
    for (const name of new Set(names)) this.#total.set(name, (this.#total.get(name) ?? 0) + ms)
  }

  entries(): TimeEntry[] {
    return [...this.#total].map(([name, totalMs]) => ({ name, totalMs, selfMs: this.#self.get(name) ?? 0 }))
  }
}

/** Every node with its callers, from itself down; without the root that they all have in common. */
function stacksOf(nodes: readonly ProfileNode[]): Map<number, ProfileNode[]> {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const parents = new Map<number, ProfileNode>()
  for (const node of nodes) for (const child of node.children ?? []) parents.set(child, node)
  const stacks = new Map<number, ProfileNode[]>()
  for (const id of byId.keys()) {
    const stack: ProfileNode[] = []
    for (let node = byId.get(id); node !== undefined; node = parents.get(node.id)) stack.push(node)
    stacks.set(id, stack.slice(0, -1))
  }
  return stacks
}

/** Functions of V8 and of native modules have no place and often no name: whoever called them tells what they are. */
function describeFunction({ callFrame }: ProfileNode, caller: ProfileNode | undefined): string {
  const { functionName, url, lineNumber } = callFrame
  const name = functionName === '' ? '(anonymous)' : functionName
  if (url !== '') return `${name} ${shortPath(url)}:${lineNumber + 1}`
  return caller === undefined || isPseudo(callFrame)
    ? name
    : `${name}, native, of ${describeFunction(caller, undefined)}`
}

/** What V8 counts as a function without there being one, such as `(program)`. */
function isPseudo({ functionName }: ProfileNode['callFrame']): boolean {
  return functionName.startsWith('(')
}

/** The folder of a source of ours, the package of another, `node` or `native` for what is neither. */
function placeOf({ callFrame }: ProfileNode): string {
  const { url, functionName } = callFrame
  if (url.startsWith('node:')) return 'node'
  if (url === '') return isPseudo(callFrame) ? functionName : 'native'
  return (
    /^(.*?\/node_modules\/)?(?<place>(@[^/]+\/)?[^/]+(\/src\/[^/]+)?)/.exec(shortPath(url))?.groups?.[
      'place'
    ] ?? url
  )
}

function shortPath(url: string): string {
  const path = url.replace(/^file:\/\//, '')
  const inPackage = path.lastIndexOf('/node_modules/')
  if (inPackage >= 0) return path.slice(inPackage + '/node_modules/'.length)
  return /\/((stratos-[a-z]+|test-network|bench)\/.*)$/.exec(path)?.[1] ?? path
}
