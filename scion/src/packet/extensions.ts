import { ScionError } from '../errors.ts'
import { byteAt } from '../reader.ts'
import { checkUint } from '../writer.ts'
import { PROTOCOL } from './protocol.ts'

/**
 * One option of an extension header (SCION extension header specification). Padding is an option
 * too: a decoder hands it out as found, an encoder inserts what `align` asks for.
 */
export interface ExtensionOption {
  /** 0 is Pad1 (a single byte), 1 is PadN, 2 the packet authenticator. */
  readonly type: number
  /** 0 … 255 bytes; none for Pad1. */
  readonly data: Uint8Array
  /**
   * `[x, y]` for the alignment written xn+y: the option's type byte stands at a multiple of x plus
   * y bytes from the start of the extension header. Used when encoding only.
   */
  readonly align?: readonly [number, number]
}

/** Option types with a meaning. */
export const OPTION = { pad1: 0, padN: 1, authenticator: 2 } as const

/** Longest extension header, from the width of ExtLen. */
export const EXTENSION_BYTES_MAX = 256 * 4

/** An extension header found in a packet. */
export interface DecodedExtension {
  readonly nextHeader: number
  /** Bytes that the whole header takes, a multiple of 4. */
  readonly length: number
  readonly options: readonly ExtensionOption[]
}

/**
 * Reads the extension header at `at`; it must end at or before `end`.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +---------------+---------------+-------------------------------+
 *   0 |    NextHdr    |    ExtLen     |   options: type, length, data |
 *     +---------------+---------------+-------------------------------+
 *
 * ExtLen counts 4-byte words beyond the first.
 */
export function decodeExtension(bytes: Uint8Array, at: number, end: number): DecodedExtension {
  const length = checkExtension(bytes, at, end)
  return { nextHeader: byteAt(bytes, at), length, options: optionsOf(bytes, at + 2, at + length) }
}

/**
 * Checks the extension header at `at` as {@link decodeExtension} does, and says how long it is. Nothing
 * is made of its options: there may be a thousand, and whoever sends them would have the work done for
 * nothing.
 */
function checkExtension(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < 4) {
    throw new ScionError('ERR_SCION_TRUNCATED', `extension: 4 bytes, found ${end - at}`)
  }
  const length = 4 * (byteAt(bytes, at + 1) + 1)
  if (length > end - at) {
    throw new ScionError(
      'ERR_SCION_TRUNCATED',
      `extension.extLen: says ${length} bytes, found ${end - at}`,
    )
  }
  const optionsEnd = at + length
  for (let option = at + 2; option < optionsEnd;) {
    const type = byteAt(bytes, option)
    if (type === OPTION.pad1) {
      option++
      continue
    }
    const optionEnd = option + 2 + (option + 1 < optionsEnd ? byteAt(bytes, option + 1) : 0)
    if (optionEnd > optionsEnd) {
      throw new ScionError(
        'ERR_SCION_MALFORMED',
        `extension.option: ends within the header, found type ${type} up to byte ${optionEnd - at} of ${length}`,
      )
    }
    option = optionEnd
  }
  return length
}

/** The options of an extension header that was checked. */
function optionsOf(bytes: Uint8Array, start: number, end: number): readonly ExtensionOption[] {
  const options: ExtensionOption[] = []
  for (let at = start; at < end;) {
    const type = byteAt(bytes, at)
    const dataAt = type === OPTION.pad1 ? at + 1 : at + 2
    const dataEnd = type === OPTION.pad1 ? dataAt : dataAt + byteAt(bytes, at + 1)
    options.push({ type, data: bytes.subarray(dataAt, dataEnd) })
    at = dataEnd
  }
  return options
}

/** The options of an extension header that was checked and begins at `at`; none for 0, where none is. */
export function optionsAt(bytes: Uint8Array, at: number): readonly ExtensionOption[] {
  return at === 0 ? [] : optionsOf(bytes, at + 2, at + 4 * (byteAt(bytes, at + 1) + 1))
}

/** What lies between the header and the upper layer. */
export interface UpperLayerPosition {
  /** Where the extension headers begin; 0 for one that is not there. */
  readonly hopByHopAt: number
  readonly endToEndAt: number
  readonly protocol: number
  /** Where the upper layer begins. */
  readonly at: number
}

/**
 * Checks the extension headers from `at` on: at most one hop-by-hop header, then at most one
 * end-to-end header. Throws `ERR_SCION_MALFORMED` for any other order.
 */
export function skipExtensions(
  bytes: Uint8Array,
  at: number,
  end: number,
  nextHeader: number,
): UpperLayerPosition {
  let protocol = nextHeader
  let position = at
  const found = { hopByHopAt: 0, endToEndAt: 0 }
  if (protocol === PROTOCOL.hopByHop) {
    found.hopByHopAt = position
    position += checkExtension(bytes, position, end)
    protocol = byteAt(bytes, found.hopByHopAt)
  }
  if (protocol === PROTOCOL.endToEnd) {
    found.endToEndAt = position
    position += checkExtension(bytes, position, end)
    protocol = byteAt(bytes, found.endToEndAt)
  }
  if (protocol === PROTOCOL.hopByHop || protocol === PROTOCOL.endToEnd) {
    throw new ScionError(
      'ERR_SCION_MALFORMED',
      `extension.nextHdr: at most one hop-by-hop, then one end-to-end header, found ${protocol}`,
    )
  }
  return { ...found, protocol, at: position }
}

/**
 * Makes an extension header: options at their alignment, padding between them and at the end, so
 * that the whole is a multiple of 4 bytes. Decoded options come out as they went in.
 */
export function encodeExtension(
  nextHeader: number,
  options: readonly ExtensionOption[],
): Uint8Array {
  checkUint(nextHeader, 0xff, 'extension.nextHdr')
  const padded = withPadding(options)
  const length = padded.reduce((sum, option) => sum + optionLength(option), 2)
  if (length > EXTENSION_BYTES_MAX) {
    throw new ScionError(
      'ERR_SCION_TOO_LARGE',
      `extension: at most ${EXTENSION_BYTES_MAX} bytes, found ${length}`,
    )
  }
  const bytes = new Uint8Array(length)
  bytes[0] = nextHeader
  bytes[1] = length / 4 - 1
  let at = 2
  for (const option of padded) {
    bytes[at] = option.type
    if (option.type !== OPTION.pad1) {
      bytes[at + 1] = option.data.length
      bytes.set(option.data, at + 2)
    }
    at += optionLength(option)
  }
  return bytes
}

function withPadding(options: readonly ExtensionOption[]): readonly ExtensionOption[] {
  const padded: ExtensionOption[] = []
  let at = 2
  const add = (option: ExtensionOption | undefined): void => {
    if (option === undefined) return
    padded.push(option)
    at += optionLength(option)
  }
  for (const option of options) {
    checkOption(option)
    const [x, y] = option.align ?? [1, 0]
    add(padding((((y - at) % x) + x) % x))
    add(option)
  }
  add(padding((4 - (at % 4)) % 4))
  return padded
}

function padding(bytes: number): ExtensionOption | undefined {
  if (bytes === 0) return undefined
  return bytes === 1
    ? { type: OPTION.pad1, data: new Uint8Array(0) }
    : { type: OPTION.padN, data: new Uint8Array(bytes - 2) }
}

function optionLength(option: ExtensionOption): number {
  return option.type === OPTION.pad1 ? 1 : 2 + option.data.length
}

function checkOption({ type, data, align }: ExtensionOption): void {
  checkUint(type, 0xff, 'option.type')
  checkUint(data.length, type === OPTION.pad1 ? 0 : 0xff, 'option.length')
  if (align === undefined) return
  const [x, y] = align
  if (!(Number.isInteger(x) && Number.isInteger(y) && x >= 1 && y >= 0 && y < x && x <= 64)) {
    throw new ScionError(
      'ERR_SCION_MALFORMED',
      `option.align: xn+y with y < x ≤ 64, found ${x}n+${y}`,
    )
  }
}
