import { ScionError } from '../errors.ts'
import { byteAt } from '../reader.ts'

/**
 * The Protocol Buffers wire format, as much of it as SCION's control plane needs: varints, 32-bit
 * and 64-bit words, and byte runs. Messages are read field by field in one `switch`, unknown fields
 * are passed over, as the format demands, and every error names the message.
 */

/** Largest message that is read, in bytes. */
export const MESSAGE_BYTES_MAX = 16 * 1024 * 1024

const WIRE = { varint: 0, word64: 1, bytes: 2, word32: 5 } as const
const U64_MAX = 0xffff_ffff_ffff_ffffn

/** One field of a message. */
export class ProtoField {
  /** The field's number in the message definition. */
  readonly number: number
  readonly #place: string
  readonly #wire: number
  readonly #varint: bigint
  readonly #bytes: Uint8Array

  constructor(place: string, number: number, wire: number, varint: bigint, bytes: Uint8Array) {
    this.#place = place
    this.number = number
    this.#wire = wire
    this.#varint = varint
    this.#bytes = bytes
  }

  /** A `bytes` field or a nested message; an alias of the input. */
  bytes(): Uint8Array {
    this.#expect(WIRE.bytes, 'bytes')
    return this.#bytes
  }

  /** A `string` field, which must be UTF-8. */
  string(): string {
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(this.bytes())
    } catch (cause) {
      if (cause instanceof ScionError) throw cause
      throw this.#wrong('UTF-8 text', 'other bytes', cause)
    }
  }

  /** A `uint64` field. */
  u64(): bigint {
    this.#expect(WIRE.varint, 'uint64')
    return this.#varint
  }

  /** An `int64` field. */
  i64(): bigint {
    return BigInt.asIntN(64, this.u64())
  }

  /** An unsigned field that must not exceed `ceiling`. */
  uint(ceiling: number): number {
    const value = this.u64()
    if (value > BigInt(ceiling)) throw this.#wrong(`0 … ${ceiling}`, value.toString())
    return Number(value)
  }

  /** The numbers of a repeated unsigned field, packed or not; none may exceed `ceiling`. */
  packed(ceiling: number): readonly number[] {
    if (this.#wire === WIRE.varint) return [this.uint(ceiling)]
    const bytes = this.bytes()
    const numbers: number[] = []
    for (let at = 0; at < bytes.length;) {
      const { value, end } = varint(bytes, at, this.#place)
      if (value > BigInt(ceiling)) throw this.#wrong(`0 … ${ceiling}`, value.toString())
      numbers.push(Number(value))
      at = end
    }
    return numbers
  }

  /** An `int32` field or an enumeration. */
  i32(): number {
    const value = this.i64()
    if (value !== BigInt.asIntN(32, value)) throw this.#wrong('int32', value.toString())
    return Number(value)
  }

  /** A `bool` field. */
  boolean(): boolean {
    return this.u64() !== 0n
  }

  /** A `float` field; throws for what is no number. */
  float(): number {
    this.#expect(WIRE.word32, 'float')
    const { buffer, byteOffset } = this.#bytes
    const value = new DataView(buffer, byteOffset, 4).getFloat32(0, true)
    if (!Number.isFinite(value)) throw this.#wrong('finite float', String(value))
    return value
  }

  /** The fields of a nested message. */
  fields(name: string): Generator<ProtoField> {
    return fieldsOf(this.bytes(), name)
  }

  #expect(wire: number, type: string): void {
    if (this.#wire !== wire) throw this.#wrong(type, `wire type ${this.#wire}`)
  }

  #wrong(expected: string, found: string, cause?: unknown): ScionError {
    return malformed(`${this.#place}.${this.number}`, expected, found, cause)
  }
}

/** The fields of a message in the order of its bytes; `name` is for error messages. */
export function* fieldsOf(message: Uint8Array, name: string): Generator<ProtoField> {
  if (message.length > MESSAGE_BYTES_MAX) {
    throw malformed(name, `at most ${MESSAGE_BYTES_MAX} bytes`, String(message.length))
  }
  const none = message.subarray(0, 0)
  for (let at = 0; at < message.length;) {
    const key = varint(message, at, name)
    at = key.end
    const number = Number(key.value >> 3n)
    const wire = Number(key.value & 7n)
    if (number < 1 || number > 0x1fff_ffff) throw malformed(name, 'field number', String(number))
    if (wire === WIRE.varint) {
      const { value, end } = varint(message, at, name)
      at = end
      yield new ProtoField(name, number, wire, value, none)
      continue
    }
    const start = wire === WIRE.bytes ? varint(message, at, name) : { value: 0n, end: at }
    const length = lengthOf(wire, start.value, name)
    at = start.end + length
    if (at > message.length) {
      throw malformed(`${name}.${number}`, `${length} bytes`, `${message.length - start.end}`)
    }
    yield new ProtoField(name, number, wire, 0n, message.subarray(start.end, at))
  }
}

function lengthOf(wire: number, announced: bigint, name: string): number {
  if (wire === WIRE.word64) return 8
  if (wire === WIRE.word32) return 4
  if (wire !== WIRE.bytes) throw malformed(name, 'wire type 0, 1, 2 or 5', String(wire))
  if (announced > BigInt(MESSAGE_BYTES_MAX)) {
    throw malformed(name, `at most ${MESSAGE_BYTES_MAX} bytes`, announced.toString())
  }
  return Number(announced)
}

function varint(
  message: Uint8Array,
  start: number,
  name: string,
): { readonly value: bigint; readonly end: number } {
  let value = 0n
  for (let at = start, shift = 0n; shift < 70n; at++, shift += 7n) {
    if (at >= message.length) throw malformed(name, 'a whole varint', 'the end of the message')
    const byte = byteAt(message, at)
    value |= BigInt(byte & 0x7f) << shift
    if (byte >= 0x80) continue
    if (value > U64_MAX) break
    return { value, end: at + 1 }
  }
  throw malformed(name, 'a varint of 64 bits', 'a longer one')
}

function malformed(place: string, expected: string, found: string, cause?: unknown): ScionError {
  return new ScionError('ERR_SCION_MALFORMED', `${place}: ${expected}, found ${found}`, { cause })
}

/**
 * Writes a message field by field. As in proto3, fields with a zero value are left out; call
 * {@link ProtoWriter.bytes} for a message that shall be present though empty.
 */
export class ProtoWriter {
  readonly #parts: Uint8Array[] = []
  #length = 0

  /** A `uint64`, `uint32`, `int64`, `int32`, `bool` or enumeration field. */
  varint(number: number, value: bigint | number | boolean): this {
    const bits = BigInt.asUintN(64, BigInt(value))
    if (bits !== 0n) this.#key(number, WIRE.varint).#put(encodeVarint(bits))
    return this
  }

  /** A `float` field. */
  float(number: number, value: number): this {
    if (value === 0) return this
    const bytes = new Uint8Array(4)
    new DataView(bytes.buffer).setFloat32(0, value, true)
    return this.#key(number, WIRE.word32).#put(bytes)
  }

  /** A `bytes` field that is left out when empty. */
  optionalBytes(number: number, value: Uint8Array): this {
    return value.length === 0 ? this : this.bytes(number, value)
  }

  /** A `bytes` field or a nested message, present even when empty. */
  bytes(number: number, value: Uint8Array): this {
    return this.#key(number, WIRE.bytes)
      .#put(encodeVarint(BigInt(value.length)))
      .#put(value)
  }

  /** A `string` field. */
  string(number: number, value: string): this {
    return this.optionalBytes(number, new TextEncoder().encode(value))
  }

  /** A nested message. */
  message(number: number, write: (writer: ProtoWriter) => unknown): this {
    const writer = new ProtoWriter()
    write(writer)
    return this.bytes(number, writer.finish())
  }

  /** The whole message. */
  finish(): Uint8Array {
    const message = new Uint8Array(this.#length)
    let at = 0
    for (const part of this.#parts) {
      message.set(part, at)
      at += part.length
    }
    return message
  }

  #key(number: number, wire: number): this {
    return this.#put(encodeVarint((BigInt(number) << 3n) | BigInt(wire)))
  }

  #put(part: Uint8Array): this {
    this.#parts.push(part)
    this.#length += part.length
    return this
  }
}

function encodeVarint(value: bigint): Uint8Array {
  const bytes: number[] = []
  let rest = value
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  bytes.push(Number(rest))
  return Uint8Array.from(bytes)
}
