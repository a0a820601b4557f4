import { crc16Modbus } from '../crc16.ts'
import type { TelegramField } from '../sml/explain.ts'

const MBAP_BYTES = 7
const CRC_BYTES = 2
const EXCEPTION = 0x80
const REQUEST_BYTES = 5

/**
 * Names the parts of one Modbus message that reads registers, request or answer, over RTU or TCP. The
 * fields cover it without gaps. Empty when the bytes are not exactly one sound message.
 */
export function explainModbus(bytes: Uint8Array): readonly TelegramField[] {
  const { length } = bytes
  if (length >= 5) {
    const end = length - CRC_BYTES
    const crc = crc16Modbus(bytes, 0, end)
    if (bytes[end] === (crc & 0xff) && bytes[end + 1] === crc >> 8) {
      const body = explainPdu(bytes, 1, end)
      if (body.length === 0) return []
      return [
        { start: 0, end: 1, kind: 'identity', label: 'unit', value: `${bytes[0] ?? 0}` },
        ...body,
        { start: end, end: length, kind: 'checksum', label: 'CRC-16' },
      ]
    }
  }
  const told = (bytes[4] ?? 0) * 256 + (bytes[5] ?? 0)
  if (length < MBAP_BYTES + 2 || told !== length - MBAP_BYTES + 1) return []
  if (bytes[2] !== 0 || bytes[3] !== 0) return []
  const body = explainPdu(bytes, MBAP_BYTES, length)
  if (body.length === 0) return []
  return [
    { start: 0, end: 2, kind: 'header', label: 'transaction', value: `${word(bytes, 0)}` },
    { start: 2, end: 4, kind: 'header', label: 'protocol' },
    { start: 4, end: 6, kind: 'header', label: 'length', value: `${told}` },
    { start: 6, end: 7, kind: 'identity', label: 'unit', value: `${bytes[6] ?? 0}` },
    ...body,
  ]
}

function explainPdu(bytes: Uint8Array, start: number, end: number): readonly TelegramField[] {
  const code = bytes[start] ?? 0
  const read = code & ~EXCEPTION
  if (read !== 3 && read !== 4) return []
  const head: TelegramField = {
    start,
    end: start + 1,
    kind: 'header',
    label: 'function',
    value: `${code}`,
  }
  const at = start + 1
  if (code >= EXCEPTION) {
    if (end !== at + 1) return []
    return [head, { start: at, end, kind: 'value', label: 'exception', value: `${bytes[at] ?? 0}` }]
  }
  const count = bytes[at] ?? 0
  if (end === at + 1 + count && count % 2 === 0) {
    const words = Array.from({ length: count / 2 }, (_, index): TelegramField => {
      const from = at + 1 + 2 * index
      const value = `${word(bytes, from)}`
      return { start: from, end: from + 2, kind: 'value', label: `register ${index}`, value }
    })
    return [head, { start: at, end: at + 1, kind: 'header', label: 'bytes' }, ...words]
  }
  if (end !== start + REQUEST_BYTES) return []
  return [
    head,
    { start: at, end: at + 2, kind: 'name', label: 'address', value: `${word(bytes, at)}` },
    { start: at + 2, end, kind: 'header', label: 'count', value: `${word(bytes, at + 2)}` },
  ]
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0)
}
