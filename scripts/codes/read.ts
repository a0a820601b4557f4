import ts from 'typescript'

/** A code and what its author wrote about it. */
export interface Code {
  readonly code: string
  /** Empty where nothing is written. */
  readonly meaning: string
}

/**
 * The members of a union of texts, of an `as const` list of texts or of an `as const` object, with
 * the comment before each; or, where a member has none, with its words in the doc comment of the
 * whole, which has the form `` `code`: meaning; `code`: meaning. ``
 */
export function readCodes(source: string, name: string): readonly Code[] {
  const file = ts.createSourceFile('codes.ts', source, ts.ScriptTarget.Latest, true)
  const found = file.statements.map((statement) => membersOf(statement, name)).find(Boolean)
  if (found === undefined) throw new Error(`no set of codes is named ${name}`)
  const whole = listed(commentOf(source, found.owner))
  return found.members.map(({ node, code }) => ({
    code,
    meaning: plain(commentOf(source, node)) || (whole.get(code) ?? whole.get(short(code)) ?? ''),
  }))
}

interface Member {
  readonly node: ts.Node
  readonly code: string
}

interface Found {
  readonly owner: ts.Node
  readonly members: readonly Member[]
}

function membersOf(statement: ts.Statement, name: string): Found | undefined {
  if (ts.isTypeAliasDeclaration(statement) && statement.name.text === name) {
    const types = ts.isUnionTypeNode(statement.type) ? statement.type.types : []
    return { owner: statement, members: types.flatMap(ofType) }
  }
  if (!ts.isVariableStatement(statement)) return undefined
  const variable = statement.declarationList.declarations.find(
    (declaration) => declaration.name.getText() === name,
  )
  let value = variable?.initializer
  if (value !== undefined && ts.isAsExpression(value)) value = value.expression
  if (value === undefined) return undefined
  if (ts.isArrayLiteralExpression(value)) {
    return { owner: statement, members: value.elements.flatMap(ofText) }
  }
  if (ts.isObjectLiteralExpression(value)) {
    return { owner: statement, members: value.properties.flatMap(ofProperty) }
  }
  return undefined
}

function ofType(node: ts.TypeNode): Member[] {
  return ts.isLiteralTypeNode(node) && ts.isStringLiteral(node.literal)
    ? [{ node, code: node.literal.text }]
    : []
}

function ofText(node: ts.Expression): Member[] {
  return ts.isStringLiteral(node) ? [{ node, code: node.text }] : []
}

function ofProperty(node: ts.ObjectLiteralElementLike): Member[] {
  const { name } = node
  return name !== undefined && (ts.isIdentifier(name) || ts.isStringLiteral(name))
    ? [{ node, code: name.text }]
    : []
}

/** The doc comment that ends before a node; a union's bar may stand between. */
function commentOf(source: string, node: ts.Node): string {
  let from = node.getFullStart()
  let ranges = ts.getLeadingCommentRanges(source, from)
  // In a union the comment of a member stands before its bar.
  const bar = source.slice(0, from).trimEnd()
  if (ranges === undefined && bar.endsWith('|')) {
    const before = source.slice(0, bar.length - 1).trimEnd()
    if (!before.endsWith('*/')) return ''
    from = before.lastIndexOf('/**')
    ranges = [{ pos: from, end: before.length, kind: ts.SyntaxKind.MultiLineCommentTrivia }]
  }
  const last = ranges?.at(-1)
  const text = last === undefined ? '' : source.slice(last.pos, last.end)
  return text.startsWith('/**') ? text : ''
}

function plain(comment: string): string {
  return comment
    .replace(/^\/\*\*|\*\/$/g, '')
    .replace(/^\s*\* ?/gm, '')
    .replace(/\{@link (\w+)\}/g, '`$1`')
    .replace(/\s+/g, ' ')
    .trim()
}

function short(code: string): string {
  return code.replace(/^ERR_[A-Z]+_/, '')
}

/** What a doc comment of the whole says about single codes, each in backticks before a colon. */
function listed(comment: string): Map<string, string> {
  const text = plain(comment)
  const entries = [
    ...text.matchAll(/`([\w-]+)`(?:: | – )([^]*?)(?=[;.] (?:- )?`[\w-]+`(?:: | – |, `)|$)/g),
  ]
  const meanings = new Map<string, string>()
  for (const [, code = '', meaning = ''] of entries) {
    const sentence = meaning.trim().replace(/[.;]$/, '')
    meanings.set(code, `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}.`)
  }
  return meanings
}
