import { MeterError, ownLists, type OwnList } from '@s3mp/meter'

import { checkSection, isTree, type Report } from './section.ts'

/** Checks `[meter.list]`, or every `[[meter.list]]`, by the rules that all lists without codes keep. */
export function checkLists(
  written: unknown,
  path: readonly string[],
  report: Report,
): readonly OwnList[] {
  const tables: readonly unknown[] = Array.isArray(written) ? written : [written ?? {}]
  const lists = tables.flatMap((table, index): readonly OwnList[] => {
    const own = [...path, Array.isArray(written) ? `list[${String(index)}]` : 'list']
    if (!isTree(table)) report(own, 'expected a section')
    // A section without a key, as it stands in the printed default, is no list.
    if (!isTree(table) || Object.keys(table).length === 0) return []
    const { places, types } = checkSection('meter.list', table, own, report) as Partial<OwnList>
    if (table.places === undefined) report([...own, 'places'], 'missing: what stands where')
    if (places === undefined) return []
    const list = { places, ...(types === undefined ? {} : { types }) }
    return isRight([list], own, report) ? [list] : []
  })
  return isRight(lists, [...path, 'list'], report) ? lists : []
}

function isRight(lists: readonly OwnList[], path: readonly string[], report: Report): boolean {
  try {
    ownLists(lists)
    return true
  } catch (error) {
    if (!(error instanceof MeterError)) throw error
    const key = /^(?:places|types)/u.exec(error.message)?.[0]
    const message = error.message.replace(/^places\[(\d+)\]/u, 'place $1').replace(/^[a-z]+: /u, '')
    report(key === undefined ? path : [...path, key], message)
    return false
  }
}
