import { compareBytes } from './bytes.ts'
import { EnvelopeError } from './errors.ts'
import { CBOR_BYTES_MAX, CBOR_DEPTH_MAX, CBOR_ITEMS_MAX } from './limits.ts'

/** What a caller allows beyond the strict profile; everything is off unless named. */
export interface CborRules {
  /** Tag numbers that may stand at the very start of the item (COSE's 16 and 18); never inside. */
  readonly tags?: readonly number[]
  /** Accepts bytes after the item (CBOR sequences); the scan returns where it ended. */
  readonly sequence?: boolean
  /** `false`, `true` and `null` are simple values; allowed by default, here they can be refused. */
  readonly simple?: boolean
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/*
 * The head of an item (RFC 8949 §3):
 *
 *    7 6 5 4 3 2 1 0
 *   +-----+---------+----------------------------+
 *   |major|   info  | argument: 0, 1, 2, 4, 8 B  |
 *   +-----+---------+----------------------------+
 */
const MAJOR_BYTES = 2
const MAJOR_TEXT = 3
const MAJOR_ARRAY = 4
const MAJOR_MAP = 5
const MAJOR_TAG = 6
const MAJOR_SIMPLE = 7

interface Head {
  readonly major: number
  /** The argument; exact below 2^53, and at least 2^53 above: only integers may be that large. */
  readonly argument: number
  /** Offset of the first byte after the head. */
  readonly end: number
}

/**
 * Walks one CBOR item without building anything, and returns the offset after it.
 *
 * What passes is a strict subset of RFC 8949 §4.2.1: definite lengths, shortest heads, map keys
 * sorted and unique, valid UTF-8, no tags inside, no floats, no `undefined`, depth at most
 * {@link CBOR_DEPTH_MAX}. The decoder behind may be as lenient as it likes; it never sees the rest.
 */
export function scanCbor(bytes: Uint8Array, rules: CborRules = {}): number {
  if (bytes.length > CBOR_BYTES_MAX) {
    throw new EnvelopeError(
      'too-large',
      `cbor: at most ${CBOR_BYTES_MAX} bytes, found ${bytes.length}`,
    )
  }
  let start = 0
  const head = readHead(bytes, 0)
  if (head.major === MAJOR_TAG) {
    if (rules.tags?.includes(head.argument) !== true) throw forbidden(0, `tag ${head.argument}`)
    start = head.end
  }
  const end = scanItem(bytes, start, 0, rules.simple ?? true)
  if (end < bytes.length && rules.sequence !== true) {
    throw new EnvelopeError('extended', `cbor: ${bytes.length - end} bytes after the item`)
  }
  return end
}

function scanItem(bytes: Uint8Array, offset: number, depth: number, simple: boolean): number {
  const head = readHead(bytes, offset)
  switch (head.major) {
    case MAJOR_BYTES:
      return skip(bytes, head)
    case MAJOR_TEXT:
      return scanText(bytes, head)
    case MAJOR_ARRAY:
      return scanArray(bytes, head, depth, simple)
    case MAJOR_MAP:
      return scanMap(bytes, head, depth, simple)
    case MAJOR_TAG:
      throw forbidden(offset, `tag ${head.argument}`)
    case MAJOR_SIMPLE:
      if (!simple) throw forbidden(offset, 'simple value')
      return head.end
    default:
      return head.end
  }
}

function readHead(bytes: Uint8Array, offset: number): Head {
  const initial = bytes[offset]
  if (initial === undefined) throw truncated(offset)
  const major = initial >> 5
  const info = initial & 0x1f
  if (major === MAJOR_SIMPLE) return readSimple(info, offset)
  if (info < 24) return { major, argument: info, end: offset + 1 }
  if (info > 27) {
    if (info === 31 && major !== 0 && major !== 1 && major !== MAJOR_TAG) {
      throw new EnvelopeError('not-canonical', `cbor[${offset}]: indefinite length`)
    }
    throw new EnvelopeError('malformed', `cbor[${offset}]: reserved additional information ${info}`)
  }
  const size = 2 ** (info - 24)
  const end = offset + 1 + size
  if (end > bytes.length) throw truncated(offset)
  let argument = 0
  for (let index = offset + 1; index < end; index++) argument = argument * 256 + (bytes[index] ?? 0)
  // The smallest value that needs this many bytes: 24, 2^8, 2^16, 2^32 (RFC 8949 §4.2.1).
  if (argument < (size === 1 ? 24 : 2 ** (4 * size))) {
    throw new EnvelopeError('not-canonical', `cbor[${offset}]: head is not the shortest`)
  }
  return { major, argument, end }
}

function readSimple(info: number, offset: number): Head {
  // 20 false, 21 true, 22 null; 23 undefined, 24 simple(n), 25…27 floats, 31 break.
  if (info >= 20 && info <= 22) return { major: MAJOR_SIMPLE, argument: info, end: offset + 1 }
  if (info >= 28) {
    throw new EnvelopeError('malformed', `cbor[${offset}]: reserved simple value or break`)
  }
  throw forbidden(offset, info >= 25 ? 'floating-point number' : 'simple value or undefined')
}

function skip(bytes: Uint8Array, head: Head): number {
  // Compared by what is left, so that a length near 2^64 cannot overflow the sum.
  if (head.argument > bytes.length - head.end) throw truncated(head.end)
  return head.end + head.argument
}

function scanText(bytes: Uint8Array, head: Head): number {
  const end = skip(bytes, head)
  try {
    UTF8.decode(bytes.subarray(head.end, end))
  } catch (cause) {
    throw new EnvelopeError('malformed', `cbor[${head.end}]: text is not UTF-8`, { cause })
  }
  return end
}

function scanArray(bytes: Uint8Array, head: Head, depth: number, simple: boolean): number {
  enter(bytes, head, depth, 1)
  let offset = head.end
  for (let index = 0; index < head.argument; index++) {
    offset = scanItem(bytes, offset, depth + 1, simple)
  }
  return offset
}

function scanMap(bytes: Uint8Array, head: Head, depth: number, simple: boolean): number {
  enter(bytes, head, depth, 2)
  let offset = head.end
  let previous: Uint8Array | undefined
  for (let index = 0; index < head.argument; index++) {
    const keyEnd = scanItem(bytes, offset, depth + 1, simple)
    const key = bytes.subarray(offset, keyEnd)
    const order = previous === undefined ? -1 : compareBytes(previous, key)
    if (order >= 0) {
      const what = order === 0 ? 'duplicate map key' : 'map keys are not sorted'
      throw new EnvelopeError('not-canonical', `cbor[${offset}]: ${what}`)
    }
    previous = key
    offset = scanItem(bytes, keyEnd, depth + 1, simple)
  }
  return offset
}

/** Checks a container before its content: an element takes a byte at least. */
function enter(bytes: Uint8Array, head: Head, depth: number, bytesEach: number): void {
  if (depth >= CBOR_DEPTH_MAX) {
    throw new EnvelopeError('too-deep', `cbor[${head.end}]: nested deeper than ${CBOR_DEPTH_MAX}`)
  }
  if (head.argument * bytesEach > bytes.length - head.end) throw truncated(head.end)
  if (head.argument > CBOR_ITEMS_MAX) {
    throw new EnvelopeError('too-large', `cbor[${head.end}]: more than ${CBOR_ITEMS_MAX} elements`)
  }
}

function truncated(offset: number): EnvelopeError {
  return new EnvelopeError('truncated', `cbor[${offset}]: ends before the item does`)
}

function forbidden(offset: number, what: string): EnvelopeError {
  return new EnvelopeError('forbidden', `cbor[${offset}]: ${what} is not allowed`)
}
