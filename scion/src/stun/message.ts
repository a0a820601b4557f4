import { crc32 } from 'node:zlib'
import { formatHost, ipHost } from '../addr/host.ts'
import type { UnderlayAddress } from '../addr/underlay.ts'
import { ScionError } from '../errors.ts'
import { Reader, byteAt, u16At, u32At } from '../reader.ts'
import { allocate, putU16, putU32 } from '../writer.ts'

/** Length of a transaction id, which the asking side makes up at random. */
export const STUN_TRANSACTION_BYTES = 12

const HEADER_BYTES = 20
const MAGIC_COOKIE = 0x2112_a442
const BINDING_REQUEST = 0x0001
const BINDING_SUCCESS = 0x0101
const ATTRIBUTE = {
  mappedAddress: 0x0001,
  xorMappedAddress: 0x0020,
  fingerprint: 0x8028,
} as const
const FINGERPRINT_BYTES = 8
const FINGERPRINT_XOR = 0x5354_554e
const FAMILY = { ipv4: 1, ipv6: 2 } as const

/**
 * Whether a datagram is a STUN message (RFC 8489 §5) and no SCION packet: the two top bits are 0 and
 * the magic cookie stands at byte 4, where a SCION header has protocol, lengths and path type that
 * no packet of ours combines so.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +---+---------------------------+-------------------------------+
 *   0 |0 0|        message type       |         message length        |
 *     +---+---------------------------+-------------------------------+
 *   4 |                  magic cookie 0x2112A442                      |
 *     +---------------------------------------------------------------+
 *   8 |                  transaction id (12 bytes)                    |
 *     +---------------------------------------------------------------+
 */
export function isStun(datagram: Uint8Array): boolean {
  return (
    datagram.length >= HEADER_BYTES &&
    byteAt(datagram, 0) < 0x40 &&
    u32At(datagram, 4) === MAGIC_COOKIE
  )
}

/**
 * A binding request that ends in a FINGERPRINT, which border routers demand: it asks the router from
 * which address it sees us.
 */
export function encodeBindingRequest(transactionId: Uint8Array): Uint8Array {
  if (transactionId.length !== STUN_TRANSACTION_BYTES) {
    throw new ScionError(
      'ERR_SCION_MALFORMED',
      `stun.transactionId: ${STUN_TRANSACTION_BYTES} bytes, found ${transactionId.length}`,
    )
  }
  const message = allocate(HEADER_BYTES + FINGERPRINT_BYTES)
  putU16(message, 0, BINDING_REQUEST)
  putU16(message, 2, FINGERPRINT_BYTES)
  putU32(message, 4, MAGIC_COOKIE)
  message.set(transactionId, 8)
  putU16(message, HEADER_BYTES, ATTRIBUTE.fingerprint)
  putU16(message, HEADER_BYTES + 2, 4)
  putU32(message, HEADER_BYTES + 4, fingerprint(message, HEADER_BYTES))
  return message
}

/** The transaction id of a STUN message; aliases it. */
export function transactionIdOf(message: Uint8Array): Uint8Array {
  return message.subarray(8, HEADER_BYTES)
}

/**
 * Reads a binding request as a border router does (RFC 8489 §14.7: the FINGERPRINT is last and
 * right) and answers its transaction id. Throws `ERR_SCION_MALFORMED` or `ERR_SCION_CHECKSUM`.
 */
export function decodeBindingRequest(message: Uint8Array): Uint8Array {
  const attributes = decodeMessage(message, BINDING_REQUEST)
  const index = attributes.findIndex(({ type }) => type === ATTRIBUTE.fingerprint)
  const found = attributes[index]
  if (found?.value.length !== 4 || index < attributes.length - 1) {
    throw new ScionError('ERR_SCION_MALFORMED', 'stun: FINGERPRINT as the last attribute')
  }
  if (u32At(found.value, 0) !== fingerprint(message, message.length - FINGERPRINT_BYTES)) {
    throw new ScionError('ERR_SCION_CHECKSUM', 'stun.fingerprint: does not fit the message')
  }
  return transactionIdOf(message)
}

/** A success response that tells `mapped` to whom asked; what test routers send. */
export function encodeBindingResponse(
  transactionId: Uint8Array,
  mapped: { readonly ip: Uint8Array; readonly port: number },
): Uint8Array {
  const { ip, port } = mapped
  const message = allocate(HEADER_BYTES + 8 + ip.length)
  putU16(message, 0, BINDING_SUCCESS)
  putU16(message, 2, 8 + ip.length)
  putU32(message, 4, MAGIC_COOKIE)
  message.set(transactionId, 8)
  putU16(message, HEADER_BYTES, ATTRIBUTE.xorMappedAddress)
  putU16(message, HEADER_BYTES + 2, 4 + ip.length)
  message[HEADER_BYTES + 5] = ip.length === 4 ? FAMILY.ipv4 : FAMILY.ipv6
  putU16(message, HEADER_BYTES + 6, port ^ (MAGIC_COOKIE >>> 16))
  message.set(masked(ip, message), HEADER_BYTES + 8)
  return message
}

/**
 * Our address as the answering side sees it. Prefers XOR-MAPPED-ADDRESS over the plain one, which
 * some NATs rewrite on the way. Throws `ERR_SCION_MALFORMED` for anything but a success response.
 */
export function decodeBindingResponse(message: Uint8Array): UnderlayAddress {
  const attributes = decodeMessage(message, BINDING_SUCCESS)
  for (const wanted of [ATTRIBUTE.xorMappedAddress, ATTRIBUTE.mappedAddress]) {
    const found = attributes.find(({ type }) => type === wanted)
    if (found !== undefined) return decodeAddress(found.value, message, wanted)
  }
  throw new ScionError('ERR_SCION_MALFORMED', 'stun: a mapped address, found none')
}

interface Attribute {
  readonly type: number
  readonly value: Uint8Array
}

function decodeMessage(message: Uint8Array, wantedType: number): readonly Attribute[] {
  if (!isStun(message)) throw new ScionError('ERR_SCION_MALFORMED', 'stun: no STUN message')
  const reader = new Reader(message)
  const type = reader.u16('stun.type')
  const length = reader.u16('stun.length')
  if (type !== wantedType) {
    throw new ScionError('ERR_SCION_MALFORMED', `stun.type: ${wantedType}, found ${type}`)
  }
  if (length !== message.length - HEADER_BYTES) {
    throw new ScionError(
      'ERR_SCION_MALFORMED',
      `stun.length: says ${length} bytes, found ${message.length - HEADER_BYTES}`,
    )
  }
  return decodeAttributes(message.subarray(HEADER_BYTES))
}

/** Attributes are padded to 4 bytes; their length does not count the padding. */
function decodeAttributes(bytes: Uint8Array): readonly Attribute[] {
  const attributes: Attribute[] = []
  for (let at = 0; at < bytes.length;) {
    const valueAt = at + 4
    const length = valueAt > bytes.length ? 0 : u16At(bytes, at + 2)
    const next = valueAt + length + ((4 - (length % 4)) % 4)
    if (valueAt > bytes.length || next > bytes.length) {
      throw new ScionError('ERR_SCION_MALFORMED', `stun.attribute: ends within the message`)
    }
    attributes.push({ type: u16At(bytes, at), value: bytes.subarray(valueAt, valueAt + length) })
    at = next
  }
  return attributes
}

function decodeAddress(value: Uint8Array, message: Uint8Array, type: number): UnderlayAddress {
  const ipBytes = value.length - 4
  const wanted = { [FAMILY.ipv4]: 4, [FAMILY.ipv6]: 16 }[byteAt(value, 1)]
  if (ipBytes < 4 || ipBytes !== wanted) {
    throw new ScionError(
      'ERR_SCION_MALFORMED',
      `stun.address: family 1 with 4 bytes or 2 with 16, found ${ipBytes} bytes`,
    )
  }
  const ip = value.subarray(4)
  const isMasked = type === ATTRIBUTE.xorMappedAddress
  return {
    host: formatHost(ipHost(isMasked ? masked(ip, message) : ip)),
    port: u16At(value, 2) ^ (isMasked ? MAGIC_COOKIE >>> 16 : 0),
  }
}

/** The address xor magic cookie and transaction id (RFC 8489 §14.2). */
function masked(ip: Uint8Array, message: Uint8Array): Uint8Array {
  return ip.map((byte, index) => byte ^ byteAt(message, 4 + index))
}

/** CRC-32 over everything in front of the FINGERPRINT, xor a constant (RFC 8489 §14.7). */
function fingerprint(message: Uint8Array, end: number): number {
  return (crc32(message.subarray(0, end)) ^ FINGERPRINT_XOR) >>> 0
}
