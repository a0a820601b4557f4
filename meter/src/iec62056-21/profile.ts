import type { Reading, Register, TextEntry } from '../reading.ts'
import { obisNumbers, obisText } from './code.ts'
import { latin } from './framer.ts'
import { clockTime } from './reading.ts'
import { parseQuantity } from './value.ts'

/** Rows of one table that are read; a year of quarter hours is 35,040. */
export const PROFILE_ROWS_MAX = 35_136

/** Columns that a table's head may name. */
export const PROFILE_COLUMNS_MAX = 64

/** Load profiles (P.01, C = 99) and logs (P.98, C = 98, and 99.98). */
const TABLE = /^[01]-\d{1,3}:9[89]\.\d{1,3}\.\d{1,3}\*/
const MINUTE = 60
/** Fields in front of the columns: time, status, minutes, number of columns. */
const HEAD_FIELDS = 4

/** Where a table's head has ended and how its rows are made. */
interface Head {
  /** End of the first period, as the meter's wall shows it, in seconds. */
  readonly seconds: number
  readonly summer: boolean | undefined
  readonly status: string
  readonly minutes: number
  readonly columns: readonly (readonly [obis: string, unit: string])[]
  /** Fields that it takes. */
  readonly fields: number
}

/**
 * The rows of a readout's tables as readings of their own moments, oldest first as sent:
 *
 * ```text
 *  P.01(ZST13)(status)(minutes)(columns)(code)(unit)…     head; a new one after every gap
 *  (value)(value)…                                        a row a period
 * ```
 *
 * ZST13 is the season (0 normal time, 1 summer, 2 UTC) and YYMMDDhhmmss; 11 digits leave the seconds
 * out, 10 and 12 the season, too. The time of a row is the end of its period. A table that breaks this
 * form gives no readings; it stays in the texts of the readout. At most {@link PROFILE_ROWS_MAX} rows.
 *
 * The logs of P1 are read, too: long power failures (99.97), whose value is their length, and the
 * monthly peaks of Belgium (98.1), each with the end of its month as time and its own time as text.
 */
export function profileReadings(reading: Reading): readonly Reading[] {
  const out: Reading[] = []
  for (const entry of reading.texts) {
    if (TABLE.test(entry.obis)) addRows(out, reading, entry)
  }
  return out
}

function addRows(out: Reading[], reading: Reading, { obis, bytes }: TextEntry): void {
  const fields = latin(bytes).slice(1, -1).split(')(')
  const head = headOf(fields)
  if (head === undefined) {
    addLog(out, reading, fields)
    return
  }
  const { columns, seconds, minutes, summer, status } = head
  const rows = Math.floor((fields.length - head.fields) / columns.length)
  // A row cut short means that the table is not what its head says.
  if (head.fields + rows * columns.length !== fields.length) return
  const { protocol, device, manufacturer, flags } = reading
  for (let row = 0; row < rows && out.length < PROFILE_ROWS_MAX; row++) {
    const registers: Register[] = []
    const texts: TextEntry[] = status === '' ? [] : [{ obis, bytes: ascii(status) }]
    columns.forEach(([code, unit], index) => {
      const value = fields[head.fields + row * columns.length + index] ?? ''
      const quantity = parseQuantity(unit === '' ? value : `${value}*${unit}`)
      if (quantity !== undefined && unit !== '') registers.push({ obis: code, ...quantity })
      else if (value !== '') texts.push({ obis: code, bytes: ascii(value) })
    })
    out.push({
      protocol,
      device,
      ...(manufacturer === undefined ? {} : { manufacturer }),
      registers,
      texts,
      flags,
      meterTime: {
        kind: 'wall',
        seconds: seconds + row * minutes * MINUTE,
        ...(summer === undefined ? {} : { summer }),
      },
    })
  }
}

/** A log of P1: `(rows)(code)(time)(value)(time)(value)…`, with two codes and times a row in Belgium. */
function addLog(out: Reading[], reading: Reading, fields: readonly string[]): void {
  const [count = '', ...rest] = fields
  const codes = rest.slice(0, 2).map((field) => obisNumbers(field))
  const [first, second] = codes
  const times = second === undefined ? 1 : 2
  const rows = Number(count)
  if (first === undefined || !/^\d{1,3}$/.test(count)) return
  if (rest.length !== times + rows * (times + 1)) return
  for (let row = 0; row < rows && out.length < PROFILE_ROWS_MAX; row++) {
    const [time = '', ...more] = rest.slice(times + row * (times + 1))
    const meterTime = clockTime(time)
    const quantity = parseQuantity(more[times - 1] ?? '')
    if (meterTime === undefined || quantity === undefined) continue
    const { protocol, device, manufacturer, flags } = reading
    const obis = obisText(second ?? first)
    out.push({
      protocol,
      device,
      ...(manufacturer === undefined ? {} : { manufacturer }),
      registers: [{ obis, ...quantity }],
      texts: times === 2 ? [{ obis, bytes: ascii(more[0] ?? '') }] : [],
      flags,
      meterTime,
    })
  }
}

function headOf(fields: readonly string[]): Head | undefined {
  const [time = '', status = '', period = '', count = ''] = fields
  const start = timeOf(time)
  const columns = Number(count)
  if (start === undefined || !/^\d{0,4}$/.test(period) || !/^\d{1,2}$/.test(count)) return undefined
  if (columns < 1 || columns > PROFILE_COLUMNS_MAX) return undefined
  const head: (readonly [string, string])[] = []
  for (let column = 0; column < columns; column++) {
    const code = obisNumbers(fields[HEAD_FIELDS + 2 * column] ?? '')
    const unit = fields[HEAD_FIELDS + 2 * column + 1]
    if (code === undefined || unit === undefined) return undefined
    head.push([obisText(code), unit])
  }
  return {
    ...start,
    status,
    minutes: Number(period),
    columns: head,
    fields: HEAD_FIELDS + 2 * columns,
  }
}

function timeOf(text: string): Pick<Head, 'seconds' | 'summer'> | undefined {
  if (!/^\d{10,13}$/.test(text)) return undefined
  const marked = text.length % 2 === 1
  const digits = marked ? text.slice(1) : text
  const time = clockTime(digits.padEnd(12, '0'))
  if (time === undefined) return undefined
  const summer = marked && !text.startsWith('2') ? text.startsWith('1') : undefined
  return { seconds: time.seconds, summer }
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0) & 0xff)
}
