import { MeterError } from '../../errors.ts'
import type { MeterTime, Reading, Register, TextEntry } from '../../reading.ts'
import type { Data } from '../axdr.ts'
import { decodeDateTime, encodeDateTime } from '../clock.ts'
import type { DlmsClient } from './client.ts'
import { COSEM_CLASS, obisIn } from './objects.ts'
import type { PlannedRegister } from './read-meter.ts'
import { ScaleMemory, readingOf, registerOf } from './read-meter.ts'
import type { Selection } from './services.ts'

/** Which part of which load profile is wanted. */
export interface ProfileRequest {
  /** '1-0:99.1.0*255' is the load profile of most meters, '1-0:99.2.0*255' the daily one. */
  readonly obis: string
  /** By time, both ends included; milliseconds since 1970, turned into the meter's own time. */
  readonly fromMs?: number
  readonly toMs?: number
  /** By number instead, 1 for the oldest; 0 as the end for the newest. */
  readonly entries?: { readonly from: number; readonly to: number }
  /** Deviation of UTC from the meter's local time in minutes, as its clock gives it; 0 for UTC. */
  readonly deviationMinutes?: number
}

/** Columns of a profile. */
export const DLMS_PROFILE_COLUMNS_MAX = 64

/** Rows of one answer; ask for a part of the time where there are more. */
export const DLMS_PROFILE_ROWS_MAX = 10_000

interface Column extends PlannedRegister {
  readonly classId: number
  readonly attribute: number
}

const BUFFER = 2
const CAPTURE_OBJECTS = 3
const CAPTURE_PERIOD = 4
const VALUE = 2
/** Attribute 4 of an extended register is its status, 5 the time of capture. */
const CAPTURE_TIME = 5

/**
 * Reads a profile as readings, oldest first, each with the time of its row.
 *
 * A value that a meter leaves out is that of the row before; a time that it leaves out is one
 * capture period later (Blue Book, class 7, null-data in compressed buffers).
 *
 * @throws {@link MeterError} as {@link DlmsClient.get}; `malformed` for rows that are not as wide as
 *   the list of columns, `too-many`.
 */
export async function readProfile(
  client: DlmsClient,
  request: ProfileRequest,
  signal?: AbortSignal,
  scales: ScaleMemory = new ScaleMemory(),
): Promise<readonly Reading[]> {
  const profile = { classId: COSEM_CLASS.profile, obis: request.obis }
  const objects = await client.get({ ...profile, attribute: CAPTURE_OBJECTS }, signal)
  const columns = columnsOf(objects)
  await scales.learn(client, columns, signal)
  const period = await client.getList([{ ...profile, attribute: CAPTURE_PERIOD }], signal)
  const selection = selectionOf(request, columns)
  const ref = { ...profile, attribute: BUFFER, ...(selection === undefined ? {} : { selection }) }
  const buffer = await client.get(ref, signal)
  if (buffer.type !== 'list') {
    throw new MeterError('malformed', `profile: expected rows, found ${buffer.type}`)
  }
  if (buffer.items.length > DLMS_PROFILE_ROWS_MAX) {
    const found = `${buffer.items.length} rows`
    throw new MeterError(
      'too-many',
      `profile: expected at most ${DLMS_PROFILE_ROWS_MAX}, found ${found}`,
    )
  }
  const [found] = period
  const seconds =
    found?.kind === 'data' && found.data.type === 'number' ? Number(found.data.digits) : 0
  const readings = rowsOf(buffer.items, columns, seconds).map(({ time, values }) =>
    readingOf(client, { ...rowContent(columns, values, scales), clock: time }),
  )
  return readings.sort((one, other) => secondsOf(one.meterTime) - secondsOf(other.meterTime))
}

function columnsOf(objects: Data): readonly Column[] {
  if (objects.type !== 'list' || objects.items.length === 0) {
    throw new MeterError('malformed', 'profile: expected a list of columns, found none')
  }
  if (objects.items.length > DLMS_PROFILE_COLUMNS_MAX) {
    const found = `${objects.items.length} columns`
    throw new MeterError(
      'too-many',
      `profile: expected at most ${DLMS_PROFILE_COLUMNS_MAX}, found ${found}`,
    )
  }
  return objects.items.map((item) => {
    const [classId, name, attribute] = item.type === 'list' ? item.items : []
    const obis = obisIn(name)
    if (classId?.type !== 'number' || attribute?.type !== 'number' || obis === undefined) {
      throw new MeterError('malformed', 'profile: expected class, name and attribute of a column')
    }
    return { classId: Number(classId.digits), obis, attribute: Number(attribute.digits) }
  })
}

function selectionOf(request: ProfileRequest, columns: readonly Column[]): Selection | undefined {
  const { entries, fromMs, toMs, deviationMinutes = 0 } = request
  if (entries !== undefined) return { kind: 'entry', from: entries.from, to: entries.to }
  if (fromMs === undefined && toMs === undefined) return undefined
  const clock = columns.find(isClock)
  if (clock === undefined) {
    throw new MeterError('unsupported', 'profile: expected a column with the clock, found none')
  }
  const { classId, obis, attribute } = clock
  const from = encodeDateTime(fromMs ?? 0, deviationMinutes)
  const to = encodeDateTime(toMs ?? DATE_MS_MAX, deviationMinutes)
  return { kind: 'range', classId, obis, attribute, from, to }
}

/** The last second of 2099: beyond every profile. */
const DATE_MS_MAX = 4_102_444_799_000

function isClock({ classId, attribute }: Column): boolean {
  return classId === COSEM_CLASS.clock && attribute === VALUE
}

interface Row {
  readonly time: MeterTime | undefined
  readonly values: readonly (Data | undefined)[]
}

function rowsOf(
  items: readonly Data[],
  columns: readonly Column[],
  period: number,
): readonly Row[] {
  const clock = columns.findIndex(isClock)
  const rows: Row[] = []
  let before: Row | undefined
  for (const item of items) {
    if (item.type !== 'list' || item.items.length !== columns.length) {
      const found = item.type === 'list' ? `${item.items.length}` : item.type
      throw new MeterError(
        'malformed',
        `profile.row: expected ${columns.length} values, found ${found}`,
      )
    }
    const last: Row | undefined = before
    const values = item.items.map((value, index) =>
      value.type === 'null' ? last?.values[index] : value,
    )
    const stamp = item.items[clock]
    const time = stamp?.type === 'octets' ? decodeDateTime(stamp.bytes) : later(last?.time, period)
    before = { time, values }
    rows.push(before)
  }
  return rows
}

function later(time: MeterTime | undefined, seconds: number): MeterTime | undefined {
  return time === undefined || seconds === 0
    ? undefined
    : { ...time, seconds: time.seconds + seconds }
}

function secondsOf(time: MeterTime | undefined): number {
  return time?.seconds ?? 0
}

function rowContent(
  columns: readonly Column[],
  values: readonly (Data | undefined)[],
  scales: ScaleMemory,
): {
  readonly registers: readonly Register[]
  readonly texts: readonly TextEntry[]
  readonly device: undefined
} {
  const registers: Register[] = []
  const texts: TextEntry[] = []
  for (const [index, column] of columns.entries()) {
    const value = values[index]
    if (value === undefined || isClock(column)) continue
    const plain = column.attribute !== VALUE
    if (value.type === 'number' && column.attribute !== CAPTURE_TIME) {
      const scale = plain ? { scaler: 0, unitCode: 255 } : scales.of(column)
      registers.push(registerOf(column.obis, value, scale))
    } else if (value.type === 'octets') texts.push({ obis: column.obis, bytes: value.bytes })
  }
  return { registers, texts, device: undefined }
}
