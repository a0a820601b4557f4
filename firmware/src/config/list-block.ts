import type { ListDraft, OwnList } from '@s3mp/meter'

import { FirmwareError } from '../errors.ts'
import { checkLists } from './lists.ts'
import { ConfigError, parseConfig, parseToml, type ConfigFault } from './load.ts'
import { lineOf } from './locate.ts'
import { configText } from './replace.ts'
import { isTree, type Report } from './section.ts'

/**
 * The lists of a configuration, or of a file with nothing but `[[meter.list]]` in it. Where several
 * meters have some, `name` says whose.
 *
 * @throws ConfigError with everything that is wrong with them, FirmwareError `config` where there are
 *   none, or `usage` where nobody says whose.
 */
export function readLists(file: string, name?: string): readonly OwnList[] {
  const text = configText(file)
  const { meter } = parseToml(text, file)
  const faults: ConfigFault[] = []
  const report: Report = (path, message) => {
    faults.push({ line: lineOf(text, path), key: path.join('.'), message })
  }
  const isSeveral = Array.isArray(meter)
  const tables: readonly unknown[] = isSeveral ? meter : [meter]
  const found = tables.flatMap((table, index) => {
    if (!isTree(table) || (name !== undefined && table.name !== name)) return []
    const path = [isSeveral ? `meter[${String(index)}]` : 'meter']
    const lists = checkLists(table.list, path, report)
    return lists.length === 0 ? [] : [lists]
  })
  if (faults.length > 0) throw new ConfigError(file, faults)
  const [lists, another] = found
  if (another !== undefined) {
    throw new FirmwareError('usage', `${file}: several meters have lists; name one with --meter`)
  }
  if (lists !== undefined) return lists
  const whose = name === undefined ? '' : ` of "${name}"`
  throw new FirmwareError('config', `${file}: expected a [[meter.list]]${whose}, found none`)
}

/** A drafted list as it stands in a configuration, each place with what speaks for it. */
export function listBlock({ types, places, remarks }: ListDraft): string {
  const words = places.map((place) => `${JSON.stringify(place)},`)
  const width = Math.max(...words.map((word) => word.length))
  const rows = words.map(
    (word, at) => `  ${word.padEnd(width)} # ${String(at).padStart(2)}  ${remarks[at] ?? ''}`,
  )
  return ['[[meter.list]]', `types = ${JSON.stringify(types)}`, 'places = [', ...rows, ']'].join(
    '\n',
  )
}

/**
 * The text of a configuration with a drafted list at the end of its meter, or in place of one of the
 * same types. Everything else stays as it is written, remarks included.
 *
 * @throws FirmwareError `config` where the text has no meter of that name, or is not what was meant
 *   afterwards.
 */
export function withList(text: string, file: string, draft: ListDraft, name?: string): string {
  const sections = sectionsOf(text)
  const first = meterOf(sections, file, name)
  const rest = sections.slice(first + 1)
  const end = rest.findIndex(({ header }) => !/^\[\[?meter\./u.test(header))
  const own = end < 0 ? rest : rest.slice(0, end)
  const kept = own
    .filter(({ header, lines }) => !isList(header) || !lines.some((line) => isTypes(line, draft)))
    .map(({ header, lines }) =>
      isList(header) ? { header, lines: lines.with(0, '[[meter.list]]') } : { header, lines },
    )
  const written = [
    ...sections.slice(0, first + 1),
    ...kept,
    { header: '[[meter.list]]', lines: [...listBlock(draft).split('\n'), ''] },
    ...(end < 0 ? [] : rest.slice(end)),
  ]
  const after = written.flatMap(({ lines }) => lines).join('\n')
  const { meters } = parseConfig(after, file)
  const meter = name === undefined ? meters[0] : meters.find((one) => one.name === name)
  if (meter?.lists.some(({ types }) => types === draft.types) === true) return after
  throw new FirmwareError('config', `${file}: add by hand:\n${listBlock(draft)}`)
}

interface Section {
  /** Without blanks and remarks; '' for what stands before the first. */
  readonly header: string
  readonly lines: readonly string[]
}

function sectionsOf(text: string): readonly Section[] {
  const sections: { header: string; lines: string[] }[] = [{ header: '', lines: [] }]
  for (const line of text.split('\n')) {
    const header = /^\s*(\[\[?[\w.]+\]\]?)\s*(?:#.*)?$/u.exec(line)?.[1]
    if (header !== undefined) sections.push({ header, lines: [] })
    sections.at(-1)?.lines.push(line)
  }
  return sections
}

/** Which section begins the meter that is meant. */
function meterOf(sections: readonly Section[], file: string, name: string | undefined): number {
  const meters = sections.flatMap(({ header, lines }, at) =>
    header === '[meter]' || header === '[[meter]]' ? [{ at, lines }] : [],
  )
  const [only, another] = meters.filter(
    ({ lines }) => name === undefined || lines.some((line) => isNamed(line, name)),
  )
  if (only !== undefined && another === undefined) return only.at
  const found = only === undefined ? 'none' : 'several; name one with --meter'
  const whose = name === undefined ? '' : ` named "${name}"`
  throw new FirmwareError('config', `${file}: expected a meter${whose}, found ${found}`)
}

function isNamed(line: string, name: string): boolean {
  return /^\s*name\s*=\s*(?:"([^"]*)"|'([^']*)')/u.exec(line)?.slice(1).includes(name) === true
}

function isList(header: string): boolean {
  return header === '[meter.list]' || header === '[[meter.list]]'
}

function isTypes(line: string, { types }: ListDraft): boolean {
  return /^\s*types\s*=\s*["']([A-Za-z]*)["']/u.exec(line)?.[1] === types
}
