import { readFileSync, readdirSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import ts from 'typescript'

/** The project's root folder. */
export const ROOT = resolve(import.meta.dirname, '../..')

/** A parsed source file of a room. */
export interface SourceFile {
  /** Path from the root, as a person writes it. */
  readonly path: string
  /** The top-level folder. */
  readonly room: string
  readonly text: string
  readonly ast: ts.SourceFile
}

/** Reads and parses every TypeScript file below `room/src`. */
export function sourcesOf(room: string): readonly SourceFile[] {
  return filesBelow(`${room}/src`)
}

/** Reads and parses every TypeScript file below a folder. */
export function filesBelow(folder: string): readonly SourceFile[] {
  const base = join(ROOT, folder)
  const [room = ''] = folder.split('/')
  return readdirSync(base, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name) && !name.endsWith('.d.ts'))
    .sort()
    .map((name) => {
      const full = join(base, name)
      const text = readFileSync(full, 'utf8')
      const kind = name.endsWith('x') ? ts.ScriptKind.TSX : ts.ScriptKind.TS
      const ast = ts.createSourceFile(full, text, ts.ScriptTarget.ES2023, true, kind)
      return { path: relative(ROOT, full), room, text, ast }
    })
}

/** Every module specifier that a file imports, exports from, or imports dynamically. */
export function importsOf(file: SourceFile): readonly string[] {
  const found: string[] = []
  const visit = (node: ts.Node): void => {
    const literal = specifierOf(node)
    if (literal !== undefined && ts.isStringLiteralLike(literal)) found.push(literal.text)
    ts.forEachChild(node, visit)
  }
  visit(file.ast)
  return found
}

function specifierOf(node: ts.Node): ts.Node | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    return node.arguments[0]
  }
  // A module that is handed over by its address: new URL('./module.ts', import.meta.url).
  const address = ts.isNewExpression(node) ? node.arguments?.[0] : undefined
  if (address !== undefined && ts.isStringLiteral(address) && /^\..*\.tsx?$/.test(address.text)) {
    return address
  }
  return undefined
}

/** Lines of a node that hold code: neither blank nor only a comment. */
export function codeLines(node: ts.Node, file: SourceFile): number {
  const lines = new Set<number>()
  const visit = (child: ts.Node): void => {
    if (child.getChildCount(file.ast) === 0 && child.getWidth(file.ast) > 0) {
      const first = file.ast.getLineAndCharacterOfPosition(child.getStart(file.ast)).line
      const last = file.ast.getLineAndCharacterOfPosition(child.getEnd()).line
      for (let line = first; line <= last; line++) lines.add(line)
    }
    child.getChildren(file.ast).forEach(visit)
  }
  visit(node)
  return lines.size
}

/** A declaration that leaves its file. */
export interface ExportedName {
  readonly name: string
  readonly line: number
  readonly documented: boolean
  /** The value, where it is a plain number or a product of plain numbers. */
  readonly value: number | undefined
}

/** The declarations that a file exports itself (re-exports are documented where they are made). */
export function exportsOf(file: SourceFile): readonly ExportedName[] {
  const found: ExportedName[] = []
  const overloads = new Set<string>()
  for (const statement of file.ast.statements) {
    if (!isExported(statement)) continue
    const documented = ts.getJSDocCommentsAndTags(statement).length > 0
    const line = file.ast.getLineAndCharacterOfPosition(statement.getStart(file.ast)).line + 1
    for (const { name, initializer } of namesOf(statement)) {
      if (overloads.has(name)) continue
      overloads.add(name)
      found.push({ name, line, documented, value: initializer && numberOf(initializer) })
    }
  }
  return found
}

function isExported(node: ts.Statement): boolean {
  return (
    ts.canHaveModifiers(node) &&
    (ts.getModifiers(node) ?? []).some((one) => one.kind === ts.SyntaxKind.ExportKeyword)
  )
}

function namesOf(
  node: ts.Statement,
): readonly { readonly name: string; readonly initializer?: ts.Expression | undefined }[] {
  if (ts.isVariableStatement(node)) {
    return node.declarationList.declarations.map((one) => ({
      name: one.name.getText(),
      initializer: one.initializer,
    }))
  }
  const name = (node as { readonly name?: ts.Identifier }).name
  return name === undefined ? [] : [{ name: name.text }]
}

const OPERATORS = new Map<ts.SyntaxKind, (left: number, right: number) => number>([
  [ts.SyntaxKind.AsteriskToken, (left, right) => left * right],
  [ts.SyntaxKind.AsteriskAsteriskToken, (left, right) => left ** right],
  [ts.SyntaxKind.PlusToken, (left, right) => left + right],
  [ts.SyntaxKind.MinusToken, (left, right) => left - right],
])

/** Evaluates number literals and their sums, products and powers: what limits are written as. */
export function numberOf(node: ts.Expression): number | undefined {
  if (ts.isNumericLiteral(node)) return Number(node.text)
  if (ts.isParenthesizedExpression(node)) return numberOf(node.expression)
  if (!ts.isBinaryExpression(node)) return undefined
  const [left, right] = [numberOf(node.left), numberOf(node.right)]
  if (left === undefined || right === undefined) return undefined
  return OPERATORS.get(node.operatorToken.kind)?.(left, right)
}

/** Every function-like node of a file that has a body, with a name for messages. */
export function functionsOf(file: SourceFile): readonly { name: string; node: ts.Node }[] {
  const found: { name: string; node: ts.Node }[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined) {
      const name = (node as { readonly name?: ts.Node }).name?.getText(file.ast) ?? '(anonymous)'
      found.push({ name, node })
    }
    ts.forEachChild(node, visit)
  }
  visit(file.ast)
  return found
}
