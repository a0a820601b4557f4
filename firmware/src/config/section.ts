import { parse } from 'smol-toml'
import type { z } from 'zod'

import type { Field } from './field.ts'
import { SECTIONS, type SectionName } from './schema.ts'
import { suggest } from './suggest.ts'

/** A table of TOML. */
export type Tree = Readonly<Record<string, unknown>>

/** Tells of a fault: the key as a path of names, and what is wrong. */
export type Report = (path: readonly string[], message: string) => void

/** Whether a value is a table. */
export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Every section, in the order of the documentation. */
export const SECTION_NAMES = Object.keys(SECTIONS) as readonly SectionName[]

/** The keys of a section. */
export function fieldsOf(section: SectionName): Readonly<Record<string, Field<z.ZodType>>> {
  return SECTIONS[section].fields
}

/** The table of a section, when it is there and is one. */
export function tableOf(tree: Tree, path: readonly string[], report: Report): Tree {
  let table: unknown = tree
  for (const [depth, part] of path.entries()) {
    if (!isTree(table)) return {}
    table = table[part]
    if (table !== undefined && !isTree(table)) {
      if (depth === path.length - 1) report(path, `expected a section, found ${show(table)}`)
      return {}
    }
  }
  return isTree(table) ? table : {}
}

/** Checks the keys of one section's table, which stands in the file at `path`. */
export function checkSection(
  section: SectionName,
  table: Tree,
  path: readonly string[],
  report: Report,
): Readonly<Record<string, unknown>> {
  const fields = fieldsOf(section)
  const inner = SECTION_NAMES.filter((name) => name.startsWith(`${section}.`)).map((name) =>
    name.slice(section.length + 1),
  )
  for (const name of Object.keys(table)) {
    if (name in fields || inner.includes(name)) continue
    report([...path, name], unknown('key', name, Object.keys(fields)))
  }
  const checked: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(fields)) {
    const written = table[name]
    const value = written ?? fallbackOf(field)
    const result = field.schema.safeParse(value)
    if (result.success) checked[name] = result.data
    else if (written === undefined) {
      report(
        [...path, name],
        `missing: expected ${field.expected}; write ${name} = ${field.example ?? '…'}`,
      )
    } else {
      const cure = field.fallback ?? field.example
      const remedy = cure === undefined ? '' : `; for example ${name} = ${cure}`
      report(
        [...path, name],
        `expected ${field.expected}, found ${field.secret === true ? 'something else' : show(written)}${remedy}`,
      )
    }
  }
  return checked
}

/** The value of a key that is not written, read by the same parser as if it were. */
export function fallbackOf(field: Field<z.ZodType>): unknown {
  return field.fallback === undefined ? undefined : parse(`value = ${field.fallback}`).value
}

/** Says that a name is not known, and which one may be meant. */
export function unknown(kind: 'key' | 'section', name: string, known: readonly string[]): string {
  const near = suggest(name, known)
  if (near !== undefined) return `unknown ${kind} "${name}"; did you mean "${near}"?`
  return `unknown ${kind} "${name}"; known are ${known.join(', ')}`
}

function show(value: unknown): string {
  if (isTree(value)) return 'a section'
  const shown = typeof value === 'bigint' ? value.toString() : JSON.stringify(value)
  return shown.length > 80 ? `${shown.slice(0, 80)}…` : shown
}
