import type { CborValue } from '../cbor.ts'
import { asInt64, asText, FieldReader } from '../field.ts'
import { EVENT_DETAILS_MAX } from '../limits.ts'
import { checkRange, HEADER_FIELDS, headerItems, readHeader, type RecordHeader } from './header.ts'

/** Events by name; codes are never given twice, and codes unknown to a reader stay readable. */
export const EVENT_CODES = {
  boot: 1,
  shutdown: 2,
  'clock-stepped': 3,
  'clock-lost': 4,
  'meter-silent': 5,
  'meter-back': 6,
  'meter-changed': 7,
  'register-decreased': 8,
  'register-implausible': 9,
  'cover-opened': 10,
  'cover-closed': 11,
  'magnetic-field': 12,
  'power-failed': 13,
  'power-back': 14,
  'spool-nearly-full': 15,
  'records-dropped': 16,
  'epoch-opened': 17,
  'refused-datagram': 18,
  'firmware-changed': 19,
  'configuration-changed': 20,
  'paths-lost': 21,
  'paths-back': 22,
  'key-created': 23,
  'gap-closed': 24,
  'bytes-discarded': 25,
  'spool-broken': 26,
  'spool-full': 27,
  'history-forked': 28,
  'path-taken': 29,
  'meter-found': 30,
  'keys-refused': 31,
  'pulses-uncertain': 32,
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
