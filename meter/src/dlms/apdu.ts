import { Reader } from '../bytes.ts'
import { MeterError } from '../errors.ts'
import type { Data } from './axdr.ts'
import { AXDR, decodeData, readLength } from './axdr.ts'
import { DESCRIPTOR_BYTES, decodeDescribed, pushObject } from './described.ts'

/** Tags of APDUs that a meter pushes (IEC 62056-5-3). */
export const APDU = {
  dataNotification: 0x0f,
  eventNotification: 0xc2,
  generalGloCiphering: 0xdb,
  generalDedCiphering: 0xdc,
  generalCiphering: 0xdd,
  generalSigning: 0xdf,
  generalBlockTransfer: 0xe0,
} as const

const TAGS: readonly number[] = Object.values(APDU)

/** Whether an APDU that begins with this byte says something in the clear by itself. */
export function isNotification(tag: number): boolean {
  return tag === APDU.dataNotification || tag === APDU.eventNotification
}

/** Whether an APDU that begins with this byte may carry readings. */
export function isPushTag(tag: number): boolean {
  return TAGS.includes(tag)
}

/** What a meter says by itself. */
export interface DataNotification {
  readonly invokeId: number
  /** Twelve bytes of a COSEM date-time, empty where the meter gives none. */
  readonly dateTime: Uint8Array
  readonly body: Data
}

const DATE_TIME_BYTES = 12
/** In front of what is optional, where it is there. */
const PRESENT = 1

/**
 * Reads a data-notification: long invoke id, date-time in any of the spellings met (`00`, `0C` and
 * twelve bytes, `09 0C` and twelve bytes, `19` and twelve bytes), body; nothing may be left over. An
 * event-notification comes out as one that names its single value.
 *
 * @throws {@link MeterError} where it is neither.
 */
export function decodeNotification(apdu: Uint8Array): DataNotification {
  const reader = new Reader(apdu)
  const tag = reader.u8('apdu.tag')
  if (tag === APDU.eventNotification) return decodeEvent(reader)
  if (tag !== APDU.dataNotification) {
    throw new MeterError('malformed', `apdu.tag: expected a notification, found ${tag}`)
  }
  const invokeId = reader.u32('notification.invokeId')
  const dateTime = readDateTime(reader)
  const rest = apdu.subarray(reader.position)
  const body = decodeDescribed(rest) ?? decodeData(reader)
  if (body.type !== 'described' && reader.remaining > 0) {
    throw new MeterError('malformed', `notification: ${reader.remaining} bytes too many`)
  }
  return { invokeId, dateTime, body: body.type === 'described' ? body.data : body }
}

/**
 * Reads an event-notification behind its tag (IEC 62056-5-3 §6.10): the time if it is there, an
 * attribute's descriptor in bare bytes, and the attribute's value.
 */
function decodeEvent(reader: Reader): DataNotification {
  if (reader.peek() === PRESENT) reader.skip(1, 'event.time')
  const dateTime = readDateTime(reader)
  const name = pushObject(reader.bytes(DESCRIPTOR_BYTES, 'event.descriptor'))
  const value = decodeData(reader)
  if (reader.remaining > 0) {
    throw new MeterError('malformed', `event: ${reader.remaining} bytes too many`)
  }
  const names: Data = { type: 'list', tag: AXDR.array, items: [name] }
  return {
    invokeId: 0,
    dateTime,
    body: { type: 'list', tag: AXDR.structure, items: [names, value] },
  }
}

/** The date-time of a notification, empty where the meter gives none. */
export function readDateTime(reader: Reader): Uint8Array {
  const typed = reader.peek() === AXDR.dateTime
  if (typed || reader.peek() === AXDR.octets) reader.skip(1, 'notification.dateTime')
  const length = typed ? DATE_TIME_BYTES : readLength(reader, 'notification.dateTime')
  if (length !== 0 && length !== DATE_TIME_BYTES) {
    throw new MeterError('malformed', `notification.dateTime: expected 12 bytes, found ${length}`)
  }
  return reader.bytes(length, 'notification.dateTime')
}

/** The APDU behind the LLC header that HDLC puts before it (`E6 E7 00`, `E6 E6 00`). */
export function withoutLlc(bytes: Uint8Array): Uint8Array {
  const [first, second, third] = bytes
  return first === 0xe6 && (second === 0xe7 || second === 0xe6) && third === 0
    ? bytes.subarray(3)
    : bytes
}
