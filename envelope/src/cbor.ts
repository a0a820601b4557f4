import { Decoder, Encoder } from 'cbor-x/index-no-eval'
import { compareBytes } from './bytes.ts'
import { scanCbor, type CborRules } from './cbor-scan.ts'
import { EnvelopeError } from './errors.ts'

/**
 * What the gate lets through. Integers below 2^32 (and from −2^32) are numbers, larger ones BigInt;
 * map keys are integers or text.
 */
export type CborValue =
  | number
  | bigint
  | string
  | boolean
  | null
  | Uint8Array
  | readonly CborValue[]
  | ReadonlyMap<number | string, CborValue>

const UINT32_END = 2 ** 32
const UINT64_END = 1n << 64n
// With the u flag a surrogate matches only where its other half is missing.
const LONE_SURROGATE = /\p{Surrogate}/u

// The one place that touches cbor-x: without its record extension, its typed-array tags and its eval.
const OPTIONS = {
  useRecords: false,
  mapsAsObjects: false,
  tagUint8Array: false,
  variableMapSize: true,
} as const
const encoder = new Encoder(OPTIONS)
const decoder = new Decoder(OPTIONS)

/**
 * Encodes in the one form this project uses (RFC 8949 §4.2.1): shortest heads, sorted map keys.
 * Throws `bad-field` for what has no such form: fractions, integers beyond 64 bits, lone surrogates.
 */
export function encodeCbor(value: CborValue): Uint8Array {
  // cbor-x hands out a slice of its pool; a copy keeps one small object from holding the pool alive.
  return Uint8Array.from(encoder.encode(prepare(value)))
}

/**
 * Decodes exactly one item after {@link scanCbor} has let it through. Byte strings are copies: they
 * do not alias the input.
 */
export function decodeCbor(bytes: Uint8Array, rules: CborRules = {}): CborValue {
  const end = scanCbor(bytes, rules)
  return decodeScanned(bytes.subarray(0, end), rules)
}

/** Decodes the item at the start of a sequence, and says where it ended. */
export function decodeCborPrefix(bytes: Uint8Array): { value: CborValue; end: number } {
  const end = scanCbor(bytes, { sequence: true })
  return { value: decodeScanned(bytes.subarray(0, end), {}), end }
}

function decodeScanned(bytes: Uint8Array, rules: CborRules): CborValue {
  const tagged = rules.tags !== undefined && (bytes[0] ?? 0) >> 5 === 6
  const item = tagged ? bytes.subarray(tagLength(bytes[0] ?? 0)) : bytes
  let value: unknown
  try {
    value = decoder.decode(item)
  } catch (cause) {
    throw new EnvelopeError('malformed', 'cbor: decoder refused it', { cause })
  }
  return clean(value)
}

function tagLength(initial: number): number {
  const info = initial & 0x1f
  return info < 24 ? 1 : 1 + 2 ** (info - 24)
}

/** From the decoder's world into ours: views become copies, and the type is checked, not assumed. */
function clean(value: unknown): CborValue {
  if (value instanceof Uint8Array) return Uint8Array.from(value)
  if (Array.isArray(value)) return value.map(clean)
  if (value instanceof Map) {
    const map = new Map<number | string, CborValue>()
    for (const [key, item] of value as Map<unknown, unknown>) {
      if (typeof key !== 'number' && typeof key !== 'string') {
        throw new EnvelopeError('forbidden', 'cbor: map keys are integers or text')
      }
      map.set(key, clean(item))
    }
    return map
  }
  const plain =
    typeof value === 'number' ||
    typeof value === 'bigint' ||
    typeof value === 'string' ||
    typeof value === 'boolean'
  if (value === -UINT64_END) {
    throw new EnvelopeError('forbidden', 'cbor: −2^64, which the encoder cannot write')
  }
  if (plain || value === null) return value
  throw new EnvelopeError('forbidden', `cbor: ${typeof value} is not allowed`)
}

/** Into the encoder's world: integers in the type that gives the shortest form, keys sorted. */
function prepare(value: CborValue): unknown {
  if (typeof value === 'number' || typeof value === 'bigint') return prepareInteger(value)
  if (typeof value === 'string') {
    if (LONE_SURROGATE.test(value)) {
      throw new EnvelopeError('bad-field', 'cbor: text is not Unicode')
    }
    return value
  }
  if (value instanceof Uint8Array) return value
  if (Array.isArray(value)) return value.map(prepare)
  if (value instanceof Map) {
    const entries = [...(value as ReadonlyMap<number | string, CborValue>)].map(
      ([key, item]) => [encodeCbor(key), prepare(key), prepare(item)] as const,
    )
    entries.sort(([left], [right]) => compareBytes(left, right))
    return new Map(entries.map(([, key, item]) => [key, item]))
  }
  return value
}

function prepareInteger(value: number | bigint): number | bigint {
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) {
      throw new EnvelopeError('bad-field', 'cbor: number is not a safe integer')
    }
    // cbor-x writes numbers outside 32 bits as floats, and BigInt always in nine bytes.
    if (value >= UINT32_END || value < -UINT32_END) return BigInt(value)
    return value === 0 ? 0 : value
  }
  // cbor-x writes −2^64, the last integer CBOR has, as a bignum tag: it is left out.
  if (value >= UINT64_END || value <= -UINT64_END) {
    throw new EnvelopeError('bad-field', 'cbor: integer does not fit 64 bits')
  }
  return value >= UINT32_END || value < -UINT32_END ? value : Number(value)
}
