import { crc16Modbus } from '../crc16.ts'
import { MeterError } from '../errors.ts'
import { MODBUS_BLOCK_REGISTERS_MAX } from './map.ts'

/** Bytes that are held while an answer is awaited: the longest one and as much noise. */
export const MODBUS_ANSWER_BYTES_MAX = 512

/** Highest address of a meter on a line (Modbus over Serial Line 1.02, 2.2); 0 is broadcast. */
export const MODBUS_UNIT_MAX = 247

/** RTU over a serial line, with CRC-16; or TCP with the MBAP header. */
export type ModbusTransport = 'rtu' | 'tcp'

/** A request to read registers, the only kind that is ever sent. */
export interface ModbusRequest {
  readonly transport: ModbusTransport
  readonly unit: number
  readonly function: 3 | 4
  readonly address: number
  readonly count: number
  /** Number of the request, for TCP, 0 to 65,535. */
  readonly transaction: number
}

/** What the bytes received so far say. */
export type ModbusOutcome =
  | { readonly kind: 'more' }
  | { readonly kind: 'words'; readonly words: readonly number[] }
  /** The meter says no: 1 illegal function, 2 illegal address, 3 illegal value, 4 device failure, … */
  | { readonly kind: 'exception'; readonly code: number }
  /** Nothing in them is an answer to the request. */
  | { readonly kind: 'garbled' }

const EXCEPTION = 0x80
const MBAP_BYTES = 7
const CRC_BYTES = 2
const MORE: ModbusOutcome = { kind: 'more' }

/**
 * The bytes of a request (Modbus Application Protocol 1.1b3, 6.3 and 6.4):
 *
 * ```text
 *  RTU  unit │ function │ address, 2 │ count, 2 │ CRC-16, 2, low byte first
 *  TCP  transaction, 2 │ 0, 2 │ length, 2 │ unit │ function │ address, 2 │ count, 2
 * ```
 *
 * @throws {@link MeterError} `range` for what no request may say.
 */
export function encodeRequest(request: ModbusRequest): Uint8Array {
  const { transport, unit, address, count, transaction } = request
  check('unit', unit, transport === 'tcp' ? 0 : 1, transport === 'tcp' ? 255 : MODBUS_UNIT_MAX)
  check('count', count, 1, MODBUS_BLOCK_REGISTERS_MAX)
  check('address', address, 0, 0x10000 - count)
  const pdu = [unit, request.function, address >> 8, address & 0xff, count >> 8, count & 0xff]
  if (transport === 'rtu') return withCrc(pdu)
  const id = transaction & 0xffff
  return Uint8Array.of(id >> 8, id & 0xff, 0, 0, 0, pdu.length, ...pdu)
}

/** A message of a serial line with its CRC-16. */
export function withCrc(message: readonly number[]): Uint8Array {
  const bytes = Uint8Array.from([...message, 0, 0])
  const crc = crc16Modbus(bytes, 0, message.length)
  bytes[message.length] = crc & 0xff
  bytes[message.length + 1] = crc >> 8
  return bytes
}

/** Looks for the answer to a request in what has come since it was sent, noise in front included. */
export function decodeResponse(request: ModbusRequest, bytes: Uint8Array): ModbusOutcome {
  return request.transport === 'rtu' ? decodeRtu(request, bytes) : decodeTcp(request, bytes)
}

function decodeRtu(request: ModbusRequest, bytes: Uint8Array): ModbusOutcome {
  for (let start = 0; start + 3 <= bytes.length; start++) {
    if (bytes[start] !== request.unit) continue
    const body = bytes.subarray(start + 1)
    const length = answerBytes(request, body)
    if (length === undefined || body.length < length + CRC_BYTES) continue
    const end = start + 1 + length
    const crc = crc16Modbus(bytes, start, end)
    if (bytes[end] === (crc & 0xff) && bytes[end + 1] === crc >> 8) return outcome(request, body)
  }
  // Silence, not a length, ends a message on a serial line.
  return bytes.length < MODBUS_ANSWER_BYTES_MAX ? MORE : { kind: 'garbled' }
}

function decodeTcp(request: ModbusRequest, bytes: Uint8Array): ModbusOutcome {
  let start = 0
  while (start + MBAP_BYTES <= bytes.length) {
    const header = bytes.subarray(start, start + MBAP_BYTES)
    const [idHigh = 0, idLow = 0, protocolHigh, protocolLow, high = 0, low = 0, unit] = header
    const length = high * 256 + low
    const sane = protocolHigh === 0 && protocolLow === 0 && length >= 3 && length <= 254
    // TCP loses nothing: what is no header here will be none further on.
    if (!sane) return { kind: 'garbled' }
    const end = start + MBAP_BYTES - 1 + length
    if (bytes.length < end) return MORE
    const body = bytes.subarray(start + MBAP_BYTES, end)
    // An answer that came too late belongs to a request before.
    if (idHigh * 256 + idLow === (request.transaction & 0xffff) && unit === request.unit) {
      return answerBytes(request, body) === body.length
        ? outcome(request, body)
        : { kind: 'garbled' }
    }
    start = end
  }
  return MORE
}

/** Bytes from the function code on that an answer takes; undefined for what is none. */
function answerBytes(request: ModbusRequest, body: Uint8Array): number | undefined {
  const [code, next] = body
  if (code === (request.function | EXCEPTION)) return 2
  return code === request.function && next === 2 * request.count ? 2 + next : undefined
}

function outcome(request: ModbusRequest, body: Uint8Array): ModbusOutcome {
  if (body[0] !== request.function) return { kind: 'exception', code: body[1] ?? 0 }
  return {
    kind: 'words',
    words: Array.from(
      { length: request.count },
      (_, index) => (body[2 + 2 * index] ?? 0) * 256 + (body[3 + 2 * index] ?? 0),
    ),
  }
}

function check(field: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return
  throw new MeterError('range', `${field}: expected ${least} to ${most}, found ${value}`)
}
