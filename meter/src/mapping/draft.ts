import { printable } from '../bytes.ts'
import { decodeDateTime } from '../dlms/clock.ts'
import type { OwnList } from '../dlms/own-list.ts'
import { formatPlace } from '../dlms/own-list.ts'
import type { UnnamedList } from '../dlms/telegram.ts'
import type { MappingProposal } from './propose.ts'

/** A list that waits for somebody to confirm it, with a remark for each of its places. */
export interface ListDraft extends Required<OwnList> {
  readonly types: string
  readonly remarks: readonly string[]
}

/**
 * What the owner of a meter would write down of a list, from one telegram of it and what is proposed
 * for its places. Undefined where nothing is: a list without a register is none.
 */
export function draftList(
  list: UnnamedList,
  proposals: readonly MappingProposal[],
): ListDraft | undefined {
  const rows = Array.from(list.types, (_, place) => {
    const found = proposals.find((one) => one.place === place)
    if (found === undefined) return unproposed(list, place)
    const sure = `${Math.round(100 * found.confidence)} %`
    return { word: formatPlace(found), remark: `${sure}: ${found.evidence}` }
  })
  if (proposals.length === 0) return undefined
  // A second number of a device, or a second clock, would be another one's.
  const places = rows.map(({ word }, at) => {
    const isSecond =
      (word === 'device' || word === 'clock') && rows.findIndex((row) => row.word === word) < at
    return isSecond ? 'skip' : word
  })
  return { types: list.types, places, remarks: rows.map(({ remark }) => remark) }
}

/** A place for which nothing speaks but its own look. */
function unproposed(
  { values, octets }: UnnamedList,
  place: number,
): { readonly word: string; readonly remark: string } {
  const bytes = octets[place]
  if (bytes !== undefined) {
    if (decodeDateTime(bytes) !== undefined) return { word: 'clock', remark: 'a date and a time' }
    const text = printable(bytes)?.trim()
    if (text === undefined || text === '') return { word: 'skip', remark: 'octets' }
    const remark = JSON.stringify(text.slice(0, 40))
    return { word: /\d{6}/.test(text) ? 'device' : 'skip', remark }
  }
  const value = values[place]
  return { word: 'skip', remark: value === undefined ? 'no number' : `last ${value}: unknown` }
}
