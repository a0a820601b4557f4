import { Reader, signedBigAt, unsignedBigAt } from '../bytes.ts'
import { MeterError } from '../errors.ts'

/** Structures and arrays within each other. */
export const AXDR_DEPTH_MAX = 8

/** Elements of one APDU, lists counted as one and their elements besides. */
export const AXDR_ELEMENTS_MAX = 4_096

/** A value in A-XDR (IEC 62056-6-2): what its tag says, bytes borrowed. */
export type Data =
  | { readonly type: 'null' }
  | { readonly type: 'list'; readonly tag: number; readonly items: readonly Data[] }
  /** `digits × 10^scaler`; the scaler is 0 but for floating point. */
  | {
      readonly type: 'number'
      readonly tag: number
      readonly digits: bigint
      readonly scaler: number
    }
  | { readonly type: 'octets'; readonly tag: number; readonly bytes: Uint8Array }

/** Tags of A-XDR types that are told apart outside this file. */
export const AXDR = {
  array: 1,
  structure: 2,
  bits: 4,
  uint32: 6,
  octets: 9,
  text: 10,
  int8: 15,
  int16: 16,
  uint8: 17,
  uint16: 18,
  compact: 19,
  enumeration: 22,
  dateTime: 25,
}

/** Widths of integers; negative where they are signed. */
const INTEGERS: Readonly<Record<number, number>> = {
  3: 1,
  5: -4,
  6: 4,
  15: -1,
  16: -2,
  17: 1,
  18: 2,
  20: -8,
  21: 8,
  22: 1,
}

/** Octets of a fixed number: date-time, date, time. */
const FIXED: Readonly<Record<number, number>> = { 25: 12, 26: 5, 27: 4 }
const BCD = 13

/**
 * Reads one value with all that is in it.
 *
 * Lengths only say how many reads follow, each of which needs bytes: nothing is allocated for them.
 *
 * A compact array comes out as the array of what it holds.
 *
 * @throws {@link MeterError} `short`, `malformed`, `depth` or `too-many`.
 */
export function decodeData(reader: Reader, elementsMax: number = AXDR_ELEMENTS_MAX): Data {
  return decode(reader, 0, { left: elementsMax, most: elementsMax, trace: undefined })
}

/** Where a value lies in its bytes: its first one, those behind tag and count, and the end. */
export interface DataSpan {
  readonly start: number
  readonly head: number
  readonly end: number
}

/** Like {@link decodeData}, and tells where each value lies; a compact array is one value. */
export function traceData(reader: Reader): {
  readonly data: Data
  readonly spans: ReadonlyMap<Data, DataSpan>
} {
  const spans = new Map<Data, DataSpan>()
  const budget = { left: AXDR_ELEMENTS_MAX, most: AXDR_ELEMENTS_MAX, trace: spans }
  return { data: decode(reader, 0, budget), spans }
}

/** A length: one byte below 128, else the number of bytes that hold it. */
export function readLength(reader: Reader, field: string): number {
  const first = reader.u8(field)
  if (first < 0x80) return first
  const width = first & 0x7f
  if (width === 0 || width > 4) {
    throw new MeterError('malformed', `${field}: expected 1 to 4 bytes, found ${width}`)
  }
  let length = 0
  for (let index = 0; index < width; index++) length = length * 256 + reader.u8(field)
  return length
}

interface Budget {
  left: number
  readonly most: number
  trace: Map<Data, DataSpan> | undefined
}

/** Counts an element, before anything is kept of it. */
function spend(budget: Budget, depth: number): void {
  if (depth > AXDR_DEPTH_MAX) {
    throw new MeterError('depth', `data: expected at most ${AXDR_DEPTH_MAX} lists deep, found more`)
  }
  if (budget.left === 0) {
    throw new MeterError('too-many', `data: expected at most ${budget.most}, found more`)
  }
  budget.left--
}

function decode(reader: Reader, depth: number, budget: Budget): Data {
  spend(budget, depth)
  const start = reader.position
  const tag = reader.u8('data.tag')
  let head = reader.position
  let data: Data
  if (tag === AXDR.array || tag === AXDR.structure) {
    const count = readLength(reader, 'data.count')
    head = reader.position
    const items: Data[] = []
    for (let index = 0; index < count; index++) items.push(decode(reader, depth + 1, budget))
    data = { type: 'list', tag, items }
  } else {
    const { trace } = budget
    // What is inside a compact array has no place of its own in these bytes.
    budget.trace = undefined
    data = tag === AXDR.compact ? decodeCompact(reader, depth, budget) : decodeLeaf(reader, tag)
    budget.trace = trace
  }
  budget.trace?.set(data, { start, head, end: reader.position })
  return data
}

/** What the elements of a compact array look like, said once in front of them. */
type Shape =
  | { readonly kind: 'leaf'; readonly tag: number }
  | { readonly kind: 'list'; readonly tag: number; readonly items: readonly Shape[] }

/** A compact array: the shape of its elements, then their values without tags. */
function decodeCompact(reader: Reader, depth: number, budget: Budget): Data {
  const shape = decodeShape(reader, depth + 1, budget)
  const length = readLength(reader, 'data.compact.length')
  const content = new Reader(reader.bytes(length, 'data.compact'))
  const items: Data[] = []
  while (content.remaining > 0) {
    const before = content.remaining
    items.push(decodeShaped(content, shape, depth + 1, budget))
    if (content.remaining === before) {
      throw new MeterError('malformed', 'data.compact: expected elements with bytes, found none')
    }
  }
  return { type: 'list', tag: AXDR.array, items }
}

function decodeShape(reader: Reader, depth: number, budget: Budget): Shape {
  spend(budget, depth)
  const tag = reader.u8('data.shape')
  if (tag === AXDR.array) {
    const count = reader.u16('data.shape.count')
    const item = decodeShape(reader, depth + 1, budget)
    if (count > budget.left) {
      throw new MeterError(
        'too-many',
        `data.shape: expected at most ${budget.left}, found ${count}`,
      )
    }
    return { kind: 'list', tag, items: Array.from({ length: count }, () => item) }
  }
  if (tag === AXDR.structure) {
    const count = readLength(reader, 'data.shape.count')
    const items: Shape[] = []
    for (let index = 0; index < count; index++) items.push(decodeShape(reader, depth + 1, budget))
    return { kind: 'list', tag, items }
  }
  return { kind: 'leaf', tag }
}

function decodeShaped(reader: Reader, shape: Shape, depth: number, budget: Budget): Data {
  spend(budget, depth)
  if (shape.kind === 'leaf') return decodeLeaf(reader, shape.tag)
  const items = shape.items.map((item) => decodeShaped(reader, item, depth + 1, budget))
  return { type: 'list', tag: shape.tag, items }
}

function decodeLeaf(reader: Reader, tag: number): Data {
  const width = INTEGERS[tag]
  if (width !== undefined) {
    const bytes = reader.bytes(Math.abs(width), 'data.integer')
    const digits = width < 0 ? signedBigAt(bytes, 0, -width) : unsignedBigAt(bytes, 0, bytes.length)
    return { type: 'number', tag, digits, scaler: 0 }
  }
  const fixed = FIXED[tag]
  if (fixed !== undefined) return { type: 'octets', tag, bytes: reader.bytes(fixed, 'data.time') }
  switch (tag) {
    case 0:
      return { type: 'null' }
    case AXDR.bits: {
      const bits = readLength(reader, 'data.bits')
      return { type: 'octets', tag, bytes: reader.bytes(Math.ceil(bits / 8), 'data.bits') }
    }
    case AXDR.octets:
    case AXDR.text:
    case 12:
      return {
        type: 'octets',
        tag,
        bytes: reader.bytes(readLength(reader, 'data.octets'), 'data.octets'),
      }
    case BCD: {
      const bytes = reader.bytes(1, 'data.bcd')
      return { type: 'number', tag, digits: unsignedBigAt(bytes, 0, 1), scaler: 0 }
    }
    case 23:
    case 24:
      return decodeFloat(reader, tag)
    default:
      throw new MeterError('malformed', `data.tag: expected a type of A-XDR, found ${tag}`)
  }
}

/** A float as the shortest decimal that means the same float. */
function decodeFloat(reader: Reader, tag: number): Data {
  const width = tag === 23 ? 4 : 8
  const bytes = reader.bytes(width, 'data.float')
  const view = new DataView(bytes.buffer, bytes.byteOffset, width)
  const value = width === 4 ? Number(view.getFloat32(0).toPrecision(7)) : view.getFloat64(0)
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(value.toString())
  if (match === null) throw new MeterError('malformed', 'data.float: expected a number, found none')
  const fraction = match[3] ?? ''
  const scaler = Number(match[4] ?? 0) - fraction.length
  if (Math.abs(scaler) > 100) {
    throw new MeterError('range', `data.float: expected an exponent of two digits, found ${scaler}`)
  }
  return {
    type: 'number',
    tag,
    digits: BigInt(`${match[1] ?? ''}${match[2] ?? ''}${fraction}`),
    scaler,
  }
}
