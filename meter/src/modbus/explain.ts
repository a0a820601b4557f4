import { crc16Modbus } from '../crc16.ts'
import type { TelegramField } from '../sml/explain.ts'

const MBAP_BYTES = 7
const CRC_BYTES = 2
const EXCEPTION = 0x80
const REQUEST_BYTES = 5
/** Unit, function, code. */
const EXCEPTION_BYTES = 3

/**
 * Names the parts of Modbus messages that read registers, requests or answers, over RTU or TCP, one
 * message behind the other as a round of questions has them. The fields cover the bytes without gaps.
 * Empty when they are not exactly sound messages.
 */
export function explainModbus(bytes: Uint8Array): readonly TelegramField[] {
  const fields: TelegramField[] = []
  for (let at = 0; at < bytes.length;) {
    const message = rtuMessage(bytes, at) ?? tcpMessage(bytes, at)
    const end = message?.at(-1)?.end
    if (message === undefined || end === undefined) return []
    for (const field of message) fields.push(field)
    at = end
  }
  return fields
}

/** The message whose checksum holds at the length that it says, an answer before a request. */
function rtuMessage(bytes: Uint8Array, start: number): readonly TelegramField[] | undefined {
  const [code = 0, count = 0] = bytes.subarray(start + 1)
  const lengths = code >= EXCEPTION ? [EXCEPTION_BYTES] : [3 + count, 1 + REQUEST_BYTES]
  for (const length of lengths) {
    const end = start + length
    if (end + CRC_BYTES > bytes.length) continue
    const crc = crc16Modbus(bytes, start, end)
    if (bytes[end] !== (crc & 0xff) || bytes[end + 1] !== crc >> 8) continue
    const body = explainPdu(bytes, start + 1, end)
    if (body.length === 0) continue
    return [
      { start, end: start + 1, kind: 'identity', label: 'unit', value: `${bytes[start] ?? 0}` },
      ...body,
      { start: end, end: end + CRC_BYTES, kind: 'checksum', label: 'CRC-16' },
    ]
  }
  return undefined
}

function tcpMessage(bytes: Uint8Array, start: number): readonly TelegramField[] | undefined {
  const told = word(bytes, start + 4)
  const end = start + MBAP_BYTES - 1 + told
  if (told < 3 || end > bytes.length || word(bytes, start + 2) !== 0) return undefined
  const body = explainPdu(bytes, start + MBAP_BYTES, end)
  if (body.length === 0) return undefined
  const header = (from: number, to: number, label: string, value?: string): TelegramField => ({
    start: start + from,
    end: start + to,
    kind: label === 'unit' ? 'identity' : 'header',
    label,
    ...(value === undefined ? {} : { value }),
  })
  return [
    header(0, 2, 'transaction', `${word(bytes, start)}`),
    header(2, 4, 'protocol'),
    header(4, 6, 'length', `${told}`),
    header(6, 7, 'unit', `${bytes[start + 6] ?? 0}`),
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
