import type { CborValue } from '../cbor.ts'
import { asInt64, asText, FieldReader } from '../field.ts'
import { EVENT_DETAILS_MAX } from '../limits.ts'
import { checkRange, HEADER_FIELDS, headerItems, readHeader, type RecordHeader } from './header.ts'

/** Events by name; codes are never given twice, and codes unknown to a reader stay readable. */
export const EVENT_CODES = {
  /** The device has started; detail: which start it is. */
  boot: 1,
  /** The device was told to stop. */
  shutdown: 2,
  /** The clock was set; detail: by how many milliseconds. */
  'clock-stepped': 3,
  /** Nothing vouches for the clock any more. */
  'clock-lost': 4,
  /** Nothing has come from the meter for longer than its interval. */
  'meter-silent': 5,
  /** The meter speaks again. */
  'meter-back': 6,
  /** Another meter hangs where one was known; its readings begin new streams. */
  'meter-changed': 7,
  /** A register that only counts up went back. */
  'register-decreased': 8,
  /** A register moved as no connection can; detail: which. */
  'register-implausible': 9,
  /** The case was opened. */
  'cover-opened': 10,
  /** The case was closed again. */
  'cover-closed': 11,
  /** A strong magnet is near. */
  'magnetic-field': 12,
  /** The supply of the device failed. */
  'power-failed': 13,
  /** The supply of the device is back. */
  'power-back': 14,
  /** The store for readings that are not yet acknowledged is nearly full. */
  'spool-nearly-full': 15,
  /** Records were given up because the store was full; details: which. */
  'records-dropped': 16,
  /** New traffic keys were agreed on. */
  'epoch-opened': 17,
  /** Something that came from outside was refused. */
  'refused-datagram': 18,
  /** The program is another than at the start before. */
  'firmware-changed': 19,
  /** The configuration is another than before. */
  'configuration-changed': 20,
  /** No path to the head-end is left, or the policy allows none. */
  'paths-lost': 21,
  /** There is a path again. */
  'paths-back': 22,
  /** The device has made its key. */
  'key-created': 23,
  /**
   * Slots that had no reading were filled from the meter’s own profile; details: meter, since when,
   * how many.
   */
  'gap-closed': 24,
  /** Bytes from the meter were of no use; details: why, how many, which meter. */
  'bytes-discarded': 25,
  /** The store was damaged; what could be saved is in a new one; detail: how many records. */
  'spool-broken': 26,
  /** Nothing more can be stored until the head-end acknowledges. */
  'spool-full': 27,
  /**
   * The head-end has records that this device does not know: its store was rolled back or copied.
   */
  'history-forked': 28,
  /** Readings go another way from here on; details: see docs/wire.md. */
  'path-taken': 29,
  /** A meter was heard for the first time; details: what it is and its name here. */
  'meter-found': 30,
  /** The keys given do not open what the meter sends; details: meter, finding, why. */
  'keys-refused': 31,
  /** Pulses may have been missed or counted twice; details: meter, how many, why. */
  'pulses-uncertain': 32,
  /** A meter said no, or there is no place for one more; details: which, and why. */
  'meter-refused': 33,
} as const

/** The name of an event this version knows. */
export type EventName = keyof typeof EVENT_CODES

/** How much an event matters; `alarm` travels first. */
export const SEVERITIES = ['info', 'notice', 'warning', 'alarm'] as const

/** One of {@link SEVERITIES}. */
export type Severity = (typeof SEVERITIES)[number]

/** Something that happened, in a chained stream of its own. */
export interface EventRecord extends RecordHeader {
  readonly kind: 'event'
  /** One of {@link EVENT_CODES}, or a later code. */
  readonly code: number
  readonly severity: Severity
  /** Numbers and short texts; what they mean belongs to the code. */
  readonly details: readonly (bigint | string)[]
}

const EVENT_CODE_MAX = 65_535
const NAMES = new Map<number, string>(
  Object.entries(EVENT_CODES).map(([name, code]) => [code, name]),
)

/** The event's name, or `event-N` for a code of a later version. */
export function eventName(code: number): string {
  return NAMES.get(code) ?? `event-${code}`
}

/** The payload items of an event. */
export function encodeEvent(record: EventRecord): CborValue[] {
  checkRange('event.code', record.code, 1, EVENT_CODE_MAX)
  checkRange('event.details', record.details.length, 0, EVENT_DETAILS_MAX)
  const severity = SEVERITIES.indexOf(record.severity)
  return [...headerItems(record), record.code, severity, record.details.map(checkDetail)]
}

/** Reads the payload of an event. */
export function decodeEvent(value: CborValue): EventRecord {
  const reader = new FieldReader(value, 'event', HEADER_FIELDS + 3)
  const header = readHeader(reader)
  const code = reader.uint('code', EVENT_CODE_MAX)
  checkRange('event.code', code, 1, EVENT_CODE_MAX)
  const severity = SEVERITIES[reader.uint('severity', SEVERITIES.length - 1)] ?? 'alarm'
  const details = reader.array('details', 0, EVENT_DETAILS_MAX).map(checkDetail)
  return { kind: 'event', ...header, code, severity, details }
}

function checkDetail(value: CborValue): bigint | string {
  return typeof value === 'string' ? asText(value, 'event.detail') : asInt64(value, 'event.detail')
}
