import { decimalText, decodeStatus, unitText, type Schema } from '@s3mp/envelope'
import { csvLine, type CsvCell, type CsvStyle } from '@s3mp/web/http'
import type { Queries, StoredSample } from '../store/queries.ts'
import { registerAt } from '../store/registers.ts'
import type { StreamRow } from '../store/streams.ts'
import { badRequest } from './requests.ts'

/** Lines of one download: four days of one reading a second, eleven years of quarter-hours. */
export const CSV_LINES_MAX = 400_000
/** Readings taken from the store at a time; the receiver has its turn in between. */
export const CSV_PAGE_MAX = 1000
/** Downloads under way at once; a further one is told to come back. */
export const DOWNLOADS_MAX = 8
/** Columns of one download; further registers of a stream that changed its schema are left out. */
export const CSV_COLUMNS_MAX = 256

interface CsvRange {
  readonly fromMs: number
  readonly toMs: number
  readonly style: CsvStyle
}

/**
 * A stream's readings as CSV, written as fast as it is taken: nothing is collected, and the store is
 * asked for a page at a time. Values are exact, as signed; what a schema did not have is empty. `ended`
 * is called once when nothing more is asked of the store.
 *
 * @throws HeadendError `ERR_HEADEND_REQUEST` beyond {@link CSV_LINES_MAX}.
 */
export function csvOf(
  queries: Queries,
  stream: StreamRow,
  range: CsvRange,
  signal: AbortSignal,
  ended: () => void,
): ReadableStream<Uint8Array> {
  const { fromMs, toMs, style } = range
  const count = queries.sampleCount(stream.row, fromMs, toMs, CSV_LINES_MAX + 1)
  if (count > CSV_LINES_MAX) {
    throw badRequest(`toMs: expected a range of at most ${CSV_LINES_MAX} readings, found more`)
  }
  const columns = columnsOf(queries, stream, range)
  const encoder = new TextEncoder()
  const names = [...columns.values()].map(({ name }) => ({ text: name }))
  const head = ['time', 'number', 'clock', 'flags', 'proof', 'quarantined'].map((text) => ({
    text,
  }))
  let after: { readonly timeMs: number; readonly seq: number } | undefined
  return new ReadableStream<Uint8Array>({
    start: (controller) => {
      controller.enqueue(encoder.encode(csvLine([...head, ...names], style)))
    },
    // Called again only when what was given has been taken.
    pull: (controller) => {
      const page = signal.aborted
        ? []
        : queries.samplePage(stream.row, { fromMs, toMs, after, limit: CSV_PAGE_MAX })
      const text = page.map((sample) => lineOf(queries, columns, sample, style)).join('')
      if (text !== '') controller.enqueue(encoder.encode(text))
      after = page.at(-1) ?? after
      if (page.length >= CSV_PAGE_MAX) return
      controller.close()
      ended()
    },
    cancel: ended,
  })
}

/** A register's place among the columns, by OBIS code and unit. */
type Columns = ReadonlyMap<string, { readonly name: string }>

function columnsOf(queries: Queries, stream: StreamRow, { fromMs, toMs }: CsvRange): Columns {
  const columns = new Map<string, { readonly name: string }>()
  for (const row of queries.schemasIn(stream.row, fromMs, toMs)) {
    for (const register of queries.schema(row)?.registers ?? []) {
      if (columns.size >= CSV_COLUMNS_MAX) return columns
      const unit = unitText(register.unitCode)
      columns.set(keyOf(register), { name: `${register.obis}${unit === '' ? '' : ` [${unit}]`}` })
    }
  }
  return columns
}

function keyOf({ obis, unitCode }: Schema['registers'][number]): string {
  return `${obis} ${unitCode}`
}

function lineOf(
  queries: Queries,
  columns: Columns,
  sample: StoredSample & { readonly proof: string; readonly quarantined: boolean },
  style: CsvStyle,
): string {
  const values = new Map<string, CsvCell>()
  for (const [index, register] of (queries.schema(sample.schema)?.registers ?? []).entries()) {
    const digits = registerAt(sample.registers, index)
    if (digits === null) continue
    values.set(keyOf(register), { number: decimalText(digits, register.scaler) })
  }
  const { clock, flags } = decodeStatus(sample.status)
  return csvLine(
    [
      { text: new Date(sample.timeMs).toISOString() },
      { number: String(sample.seq) },
      { text: clock },
      { text: flags.join(' ') },
      { text: sample.proof },
      { text: sample.quarantined ? 'yes' : '' },
      ...[...columns.keys()].map((key) => values.get(key) ?? ({ empty: true } as const)),
    ],
    style,
  )
}
