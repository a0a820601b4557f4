import { Reader } from '../../bytes.ts'
import { MeterError } from '../../errors.ts'
import { parseObis } from '../../obis.ts'
import type { Data } from '../axdr.ts'
import { AXDR, decodeData, readLength } from '../axdr.ts'
import {
  arrayData,
  encodeData,
  join,
  lengthOf,
  numberData,
  octetData,
  structureData,
  u16,
  u32,
} from '../encode.ts'

/** One attribute of one object of a meter. */
export interface AttributeRef {
  /** COSEM interface class: 1 data, 3 register, 4 extended register, 7 profile, 8 clock. */
  readonly classId: number
  /** 'A-B:C.D.E*F'. */
  readonly obis: string
  readonly attribute: number
  /** Part of a profile's buffer alone. */
  readonly selection?: Selection
}

/** Which part of a buffer is wanted (Blue Book, class 7, selective access). */
export type Selection =
  /** By the value of a column, mostly the clock: both ends belong to it. */
  | {
      readonly kind: 'range'
      readonly classId: number
      readonly obis: string
      readonly attribute: number
      readonly from: Uint8Array
      readonly to: Uint8Array
    }
  /** By number, 1 for the oldest; 0 as the end for the last one. */
  | { readonly kind: 'entry'; readonly from: number; readonly to: number }

/** Elements of one answer, a load profile of some weeks included. */
export const DLMS_ANSWER_ELEMENTS_MAX = 65_536

/** What a meter said about one attribute. */
export type GetResult =
  | { readonly kind: 'data'; readonly data: Data }
  /** Why not, in the words of the standard. */
  | { readonly kind: 'refused'; readonly reason: string }

/** Answer to a request, or a part of one. */
export type GetAnswer =
  | GetResult
  | { readonly kind: 'list'; readonly results: readonly GetResult[] }
  | {
      readonly kind: 'block'
      readonly number: number
      readonly last: boolean
      readonly bytes: Uint8Array
    }

const GET_REQUEST = 0xc0
const GET_RESPONSE = 0xc4
const ACTION_REQUEST = 0xc3
const ACTION_RESPONSE = 0xc7
const NORMAL = 1
const NEXT = 2
const WITH_LIST = 3
/** Confirmed, with high priority. */
const CONFIRMED = 0xc0
const INVOKE = 0x0f

/** Asks for one attribute. */
export function encodeGet(invoke: number, ref: AttributeRef): Uint8Array {
  return join([GET_REQUEST, NORMAL, CONFIRMED | invoke], attribute(ref))
}

/** Asks for the block behind the one with this number. */
export function encodeGetNext(invoke: number, block: number): Uint8Array {
  return join([GET_REQUEST, NEXT, CONFIRMED | invoke], u32(block))
}

/** Asks for several attributes at once. */
export function encodeGetList(invoke: number, refs: readonly AttributeRef[]): Uint8Array {
  return join(
    [GET_REQUEST, WITH_LIST, CONFIRMED | invoke],
    lengthOf(refs.length),
    ...refs.map(attribute),
  )
}

/** Calls a method with one octet string: the last step of proving who one is. */
export function encodeAction(
  invoke: number,
  classId: number,
  obis: string,
  method: number,
  parameter: Uint8Array,
): Uint8Array {
  const data = encodeData(octetData(parameter))
  return join(
    [ACTION_REQUEST, NORMAL, CONFIRMED | invoke],
    u16(classId),
    nameOf(obis),
    [method, 1],
    data,
  )
}

function attribute(ref: AttributeRef): Uint8Array {
  const head = join(u16(ref.classId), nameOf(ref.obis), [ref.attribute])
  if (ref.selection === undefined) return join(head, [0])
  return join(head, [1, ref.selection.kind === 'range' ? 1 : 2], selectionBytes(ref.selection))
}

function selectionBytes(selection: Selection): Uint8Array {
  if (selection.kind === 'entry') {
    const { from, to } = selection
    const numbers = [numberData(AXDR.uint32, from), numberData(AXDR.uint32, to)]
    // All columns: from the first to the last.
    const columns = [numberData(AXDR.uint16, 1), numberData(AXDR.uint16, 0)]
    return encodeData(structureData(...numbers, ...columns))
  }
  const { classId, obis, attribute: index, from, to } = selection
  const column = structureData(
    numberData(AXDR.uint16, classId),
    octetData(nameOf(obis)),
    numberData(AXDR.int8, index),
    numberData(AXDR.uint16, 0),
  )
  // No columns named means all of them.
  return encodeData(structureData(column, octetData(from), octetData(to), arrayData([])))
}

/** @throws {@link MeterError} `range` for a text that is no OBIS code. */
export function nameOf(obis: string): Uint8Array {
  const numbers = parseObis(obis)
  if (numbers === undefined) {
    throw new MeterError(
      'range',
      `obis: expected A-B:C.D.E*F, found ${JSON.stringify(obis.slice(0, 32))}`,
    )
  }
  return Uint8Array.from(numbers)
}

/**
 * Reads a get-response to the request with this invoke id.
 *
 * @throws {@link MeterError} `malformed`, `short`, `too-many`; `refused` for errors of a service.
 */
export function decodeGetAnswer(apdu: Uint8Array, invoke: number): GetAnswer {
  const reader = begin(apdu, GET_RESPONSE, 'get-response')
  const kind = reader.u8('get.kind')
  checkInvoke(reader, invoke)
  const answer = decodeKind(reader, kind)
  finish(reader, 'get-response')
  return answer
}

function decodeKind(reader: Reader, kind: number): GetAnswer {
  switch (kind) {
    case NORMAL:
      return decodeResult(reader)
    case NEXT: {
      const last = reader.u8('get.last') !== 0
      const number = reader.u32('get.block')
      if (reader.u8('get.choice') !== 0) return { kind: 'refused', reason: reasonOf(reader) }
      const bytes = reader.bytes(readLength(reader, 'get.length'), 'get.bytes')
      return { kind: 'block', number, last, bytes }
    }
    case WITH_LIST:
      return { kind: 'list', results: decodeResults(reader) }
    default:
      throw new MeterError('malformed', `get.kind: expected 1 to 3, found ${kind}`)
  }
}

/** The results of a list, as they stand in one answer or in its blocks put together. */
export function decodeResults(reader: Reader): readonly GetResult[] {
  const count = readLength(reader, 'get.count')
  const results: GetResult[] = []
  for (let index = 0; index < count; index++) results.push(decodeResult(reader))
  return results
}

function decodeResult(reader: Reader): GetResult {
  if (reader.u8('get.choice') !== 0) return { kind: 'refused', reason: reasonOf(reader) }
  return { kind: 'data', data: decodeData(reader, DLMS_ANSWER_ELEMENTS_MAX) }
}

/**
 * Reads an action-response and answers the octet string that it returns.
 *
 * @throws {@link MeterError} `refused` with the meter's reason as `detail`, `malformed`, `short`.
 */
export function decodeActionAnswer(apdu: Uint8Array, invoke: number): Uint8Array {
  const reader = begin(apdu, ACTION_RESPONSE, 'action-response')
  const kind = reader.u8('action.kind')
  if (kind !== NORMAL) throw new MeterError('malformed', `action.kind: expected 1, found ${kind}`)
  checkInvoke(reader, invoke)
  const result = reader.u8('action.result')
  if (result !== 0) {
    const detail = ACCESS_RESULTS[result] ?? `result ${result}`
    throw new MeterError('refused', `action: expected success, found ${detail}`, { detail })
  }
  const returned = reader.remaining > 0 && reader.u8('action.returned') === 1
  if (!returned || reader.u8('action.choice') !== 0) {
    throw new MeterError('malformed', 'action: expected data in return, found none')
  }
  const data = decodeData(reader)
  finish(reader, 'action-response')
  if (data.type !== 'octets') {
    throw new MeterError('malformed', `action: expected octets in return, found ${data.type}`)
  }
  return data.bytes
}

/** @throws {@link MeterError} `refused` when an APDU says that a service failed as a whole. */
export function checkServiceError(apdu: Uint8Array): void {
  const [tag, first = 0, second = 0, third = 0] = apdu
  if (tag === EXCEPTION) {
    const state = STATE_ERRORS[first] ?? `state ${first}`
    const service = SERVICE_ERRORS[second] ?? `service ${second}`
    const wanted =
      second === COUNTER_ERROR && apdu.length >= 7
        ? ` ${new Reader(apdu, 3).u32('exception.counter')}`
        : ''
    const message = `service: expected an answer, found the exception ${state}, ${service}${wanted}`
    throw new MeterError('refused', message, { detail: service })
  }
  if (tag === SERVICE_ERROR) {
    const detail = `${CONFIRMED_ERRORS[second] ?? `error ${second}`} ${third}`
    const message = `service: expected an answer, found a service error, ${detail}`
    throw new MeterError('refused', message, { detail })
  }
}

function begin(apdu: Uint8Array, tag: number, name: string): Reader {
  checkServiceError(apdu)
  const reader = new Reader(apdu)
  const found = reader.u8('service.tag')
  if (found === tag) return reader
  throw new MeterError('malformed', `service.tag: expected ${name} ${tag}, found ${found}`)
}

function checkInvoke(reader: Reader, invoke: number): void {
  const found = reader.u8('service.invoke') & INVOKE
  if (found === invoke) return
  throw new MeterError('malformed', `service.invoke: expected ${invoke}, found ${found}`)
}

/** @throws {@link MeterError} `malformed` when bytes are left over. */
export function finish(reader: Reader, name: string): void {
  if (reader.remaining === 0) return
  throw new MeterError('malformed', `${name}: ${reader.remaining} bytes too many`)
}

function reasonOf(reader: Reader): string {
  const result = reader.u8('get.result')
  return ACCESS_RESULTS[result] ?? `result ${result}`
}

const EXCEPTION = 0xd8
const SERVICE_ERROR = 0x0e
const COUNTER_ERROR = 6

/** Data access results and action results (IEC 62056-5-3 §8): one table, they agree. */
const ACCESS_RESULTS: Readonly<Record<number, string>> = {
  1: 'hardware-fault',
  2: 'temporary-failure',
  3: 'read-write-denied',
  4: 'object-undefined',
  9: 'object-class-inconsistent',
  11: 'object-unavailable',
  12: 'type-unmatched',
  13: 'scope-of-access-violated',
  14: 'data-block-unavailable',
  15: 'long-get-aborted',
  16: 'no-long-get-in-progress',
  17: 'long-set-aborted',
  18: 'no-long-set-in-progress',
  19: 'data-block-number-invalid',
  250: 'other-reason',
}

const STATE_ERRORS: Readonly<Record<number, string>> = {
  1: 'service-not-allowed',
  2: 'service-unknown',
}

const SERVICE_ERRORS: Readonly<Record<number, string>> = {
  1: 'operation-not-possible',
  2: 'service-not-supported',
  3: 'other-reason',
  4: 'pdu-too-long',
  5: 'deciphering-error',
  6: 'invocation-counter-error',
}

const CONFIRMED_ERRORS: Readonly<Record<number, string>> = {
  0: 'application-reference',
  1: 'hardware-resource',
  2: 'vde-state-error',
  3: 'service',
  4: 'definition',
  5: 'access',
  6: 'initiate',
  7: 'load-data-set',
  9: 'task',
}
