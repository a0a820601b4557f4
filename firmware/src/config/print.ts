import type { Field } from './field.ts'
import { SECTIONS, type SectionName } from './schema.ts'
import type { z } from 'zod'

const WIDTH = 96

interface Row {
  readonly section: SectionName
  readonly key: string
  readonly field: Field<z.ZodType>
}

function rows(): readonly Row[] {
  return (Object.keys(SECTIONS) as SectionName[]).flatMap((section) =>
    Object.entries<Field<z.ZodType>>(SECTIONS[section].fields).map(([key, field]) => ({
      section,
      key,
      field,
    })),
  )
}

/** Whether the key must be written by every owner of a meter. */
function isRequired(field: Field<z.ZodType>): boolean {
  return field.fallback === undefined && !field.schema.safeParse(undefined).success
}

function wrapped(text: string, prefix: string): readonly string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && prefix.length + line.length + 1 + word.length > WIDTH) {
      lines.push(prefix + line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  lines.push(prefix + line)
  return lines
}

/**
 * A whole configuration with every key at its default and every sentence about it as a comment.
 * Keys without a default are shown commented out with an example, but for the ones that must be
 * written: these stand as `device = "simulated:household"` so that the file works as it is.
 */
export function printDefaultConfig(): string {
  const lines: string[] = [
    '# S3MP: the configuration of one meter. Every key is here with its default.',
  ]
  let section: SectionName | undefined
  for (const { section: current, key, field } of rows()) {
    if (current !== section) {
      section = current
      lines.push('', ...wrapped(SECTIONS[current].doc, '# '), `[${current}]`)
    }
    lines.push(...wrapped(field.doc.replaceAll('`', ''), '# '))
    if (field.fallback !== undefined) lines.push(`${key} = ${field.fallback}`)
    else if (isRequired(field))
      lines.push(`# ${key} = ${field.example ?? ''}`, `${key} = "simulated:household"`)
    else lines.push(`# ${key} = ${field.example ?? ''}`)
  }
  return `${lines.join('\n')}\n`
}

/** The table of every key, as it stands in `docs/configuration.md` between its two marks. */
export function printConfigTables(): string {
  const lines: string[] = []
  let section: SectionName | undefined
  for (const { section: current, key, field } of rows()) {
    if (current !== section) {
      section = current
      lines.push('', `### [${current}]`, '', SECTIONS[current].doc, '')
      lines.push('| key | default | expected | meaning |', '| --- | --- | --- | --- |')
    }
    const fallback = field.fallback ?? (isRequired(field) ? 'must be written' : 'none')
    const shown = field.fallback === undefined ? fallback : `\`${fallback}\``
    const cells = [`\`${key}\``, shown, field.expected, field.doc]
    lines.push(`| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
  }
  return `${lines.slice(1).join('\n')}\n`
}
