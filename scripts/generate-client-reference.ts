/**
 * Writes docs/client/reference.md: what stratos-client exports, from its own docstrings. `--check` compares only.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { format, resolveConfig } from 'prettier'
import ts from 'typescript'

const root = join(import.meta.dirname, '..')
const target = join(root, 'docs/client/reference.md')

export interface ExportedName {
  readonly name: string
  readonly kind: 'function' | 'class' | 'constant' | 'type'
  /** As in TypeScript; empty for types. */
  readonly signature: string
  readonly doc: string
}

/** Every export of the package, by its name. */
export function describeExports(): ExportedName[] {
  const entry = join(root, 'stratos-client/src/index.ts')
  const config = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, root)
  const program = ts.createProgram([entry], { ...options, noEmit: true })
  const checker = program.getTypeChecker()
  const source = program.getSourceFile(entry)
  const module = source && checker.getSymbolAtLocation(source)
  if (module === undefined) throw new Error('the package exports nothing')
  return checker
    .getExportsOfModule(module)
    .map((symbol) =>
      describe(checker, symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol),
    )
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

function describe(checker: ts.TypeChecker, symbol: ts.Symbol): ExportedName {
  const declaration = symbol.declarations?.[0]
  const doc = [
    ts.displayPartsToString(symbol.getDocumentationComment(checker)),
    ...symbol.getJsDocTags(checker).map((tag) => `@${tag.name} ${ts.displayPartsToString(tag.text)}`),
  ]
    .join('\n\n')
    .trim()
  const named = { name: symbol.name, doc }
  if (declaration === undefined || symbol.flags & (ts.SymbolFlags.Interface | ts.SymbolFlags.TypeAlias)) {
    return { ...named, kind: 'type', signature: '' }
  }
  if (symbol.flags & ts.SymbolFlags.Class) return { ...named, kind: 'class', signature: '' }
  const type = checker.getTypeOfSymbolAtLocation(symbol, declaration)
  const signature = checker.typeToString(type, declaration, ts.TypeFormatFlags.NoTruncation)
  return { ...named, kind: type.getCallSignatures().length > 0 ? 'function' : 'constant', signature }
}

function formatReference(): string {
  const entries = describeExports().map(({ name, kind, signature, doc }) => {
    const code = kind === 'function' ? `\n\n\`\`\`ts\n${name}: ${signature}\n\`\`\`` : ''
    const text = doc.replaceAll(/\{@link ([^}]+)\}/g, '`$1`').replaceAll(/^@(\w+)/gm, '**$1**')
    return `## ${name}\n\n_${kind}_${code}${text === '' ? '' : `\n\n${text}`}`
  })
  return `# Reference of stratos-client\n\nGenerated from the docstrings by \`node scripts/generate-client-reference.ts\`.\n\n${entries.join('\n\n')}\n`
}

if (process.argv[1] === import.meta.filename) {
  const text = await format(formatReference(), { ...(await resolveConfig(target)), filepath: target })
  if (!process.argv.includes('--check')) writeFileSync(target, text)
  else if (readFileSync(target, 'utf8') !== text)
    process.stdout.write('docs/client/reference.md is out of date\n')
}
