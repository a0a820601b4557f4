import { ScionError } from '../errors.ts'
import { byteAt } from '../reader.ts'

/** Tags of ASN.1 that occur in certificates and TRCs (X.680, DER of X.690). */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  /** `[0]`, constructed. */
  context0: 0xa0,
  /** `[3]`, constructed. */
  context3: 0xa3,
} as const

/** Most elements read from one sequence or set. */
export const DER_ELEMENTS_MAX = 4096

/**
 * One element of a DER structure. Every question names the element in its error; nothing is copied.
 * Only what DER allows is read: definite lengths in their shortest form, low tag numbers.
 */
export class Der {
  readonly tag: number
  /** Tag, length and content. */
  readonly raw: Uint8Array
  readonly content: Uint8Array
  readonly #name: string

  private constructor(name: string, tag: number, raw: Uint8Array, content: Uint8Array) {
    this.#name = name
    this.tag = tag
    this.raw = raw
    this.content = content
  }

  /** Reads bytes that hold exactly one element. */
  static parse(bytes: Uint8Array, name: string): Der {
    const { element, end } = Der.#read(bytes, 0, name)
    if (end !== bytes.length)
      throw malformed(name, 'one element', `${bytes.length - end} bytes more`)
    return element
  }

  static #read(bytes: Uint8Array, start: number, name: string): { element: Der; end: number } {
    if (bytes.length - start < 2) throw malformed(name, 'tag and length', 'the end')
    const tag = byteAt(bytes, start)
    if ((tag & 0x1f) === 0x1f) throw malformed(name, 'a low tag number', 'a high one')
    const first = byteAt(bytes, start + 1)
    const extra = first < 0x80 ? 0 : first & 0x7f
    if (first === 0x80 || extra > 4 || start + 2 + extra > bytes.length) {
      throw malformed(name, 'a definite length', `0x${first.toString(16)}`)
    }
    let length = extra === 0 ? first : 0
    for (let at = start + 2; at < start + 2 + extra; at++) length = length * 256 + byteAt(bytes, at)
    if (extra > 0 && (length < 0x80 || byteAt(bytes, start + 2) === 0)) {
      throw malformed(name, 'the shortest length', `${length} in ${extra} bytes`)
    }
    const content = start + 2 + extra
    const end = content + length
    if (end > bytes.length) throw malformed(name, `${length} bytes`, `${bytes.length - content}`)
    const element = new Der(name, tag, bytes.subarray(start, end), bytes.subarray(content, end))
    return { element, end }
  }

  /** Throws unless the element has this tag; returns itself. */
  as(tag: number, field: string): this {
    if (this.tag === tag) return this
    const [wanted, found] = [tag, this.tag].map((one) => `tag 0x${one.toString(16)}`)
    throw malformed(`${this.#name}.${field}`, wanted ?? '', found ?? '')
  }

  /** The elements of a sequence, set or explicit tag, to be taken one after the other. */
  elements(field: string): DerElements {
    const name = `${this.#name}.${field}`
    if ((this.tag & 0x20) === 0) throw malformed(name, 'a constructed element', 'a primitive one')
    const elements: Der[] = []
    for (let at = 0; at < this.content.length;) {
      if (elements.length === DER_ELEMENTS_MAX) {
        throw malformed(name, `at most ${DER_ELEMENTS_MAX} elements`, 'more')
      }
      const { element, end } = Der.#read(this.content, at, name)
      elements.push(element)
      at = end
    }
    return new DerElements(elements, name)
  }

  /** The elements of a SEQUENCE. */
  sequence(field: string): DerElements {
    return this.as(TAG.sequence, field).elements(field)
  }

  /** An INTEGER of any size. */
  integer(field: string): bigint {
    const { content } = this.as(TAG.integer, field)
    const [first = 0, second = 0] = content
    const padded =
      content.length > 1 && (first === 0 ? second < 0x80 : first === 0xff && second > 0x7f)
    if (content.length === 0 || content.length > 64 || padded) {
      throw malformed(`${this.#name}.${field}`, 'a shortest integer', `${content.length} bytes`)
    }
    return BigInt.asIntN(8 * content.length, BigInt(`0x${hexOf(content)}`))
  }

  /** An INTEGER in `min` … `max`. */
  number(field: string, min: number, max: number): number {
    const value = this.integer(field)
    if (value < BigInt(min) || value > BigInt(max)) {
      throw malformed(`${this.#name}.${field}`, `${min} … ${max}`, value.toString())
    }
    return Number(value)
  }

  /** A BOOLEAN: DER knows 0x00 and 0xff only. */
  boolean(field: string): boolean {
    const { content } = this.as(TAG.boolean, field)
    const [value] = content
    if (content.length !== 1 || (value !== 0 && value !== 0xff)) {
      throw malformed(`${this.#name}.${field}`, '00 or ff', hexOf(content))
    }
    return value === 0xff
  }

  /** An OBJECT IDENTIFIER in dotted form. */
  oid(field: string): string {
    const { content } = this.as(TAG.oid, field)
    const arcs: number[] = []
    let arc = 0
    for (const [index, byte] of content.entries()) {
      arc = arc * 128 + (byte & 0x7f)
      if (byte >= 0x80 && index < content.length - 1 && arc < 2 ** 40) continue
      if (byte >= 0x80) throw malformed(`${this.#name}.${field}`, 'an OID', hexOf(content))
      arcs.push(arc)
      arc = 0
    }
    const [first, ...rest] = arcs
    if (first === undefined) throw malformed(`${this.#name}.${field}`, 'an OID', 'nothing')
    const root = Math.min(2, Math.floor(first / 40))
    return [root, first - 40 * root, ...rest].join('.')
  }

  /** The bytes of a BIT STRING that is a whole number of bytes. */
  bitString(field: string): Uint8Array {
    const { content } = this.as(TAG.bitString, field)
    if (content[0] !== 0) throw malformed(`${this.#name}.${field}`, 'whole bytes', 'single bits')
    return content.subarray(1)
  }

  /** The bytes of an OCTET STRING. */
  octetString(field: string): Uint8Array {
    return this.as(TAG.octetString, field).content
  }

  /** A UTF8String, PrintableString or IA5String. */
  text(field: string): string {
    const isText = [TAG.utf8String, TAG.printableString, TAG.ia5String].some(
      (one) => one === this.tag,
    )
    if (!isText)
      throw malformed(`${this.#name}.${field}`, 'a text', `tag 0x${this.tag.toString(16)}`)
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(this.content)
    } catch {
      throw malformed(`${this.#name}.${field}`, 'UTF-8', 'other bytes')
    }
  }

  /** A UTCTime or GeneralizedTime in Zulu time, as Unix time in milliseconds (RFC 5280 §4.1.2.5). */
  time(field: string): number {
    const text = new TextDecoder('latin1').decode(this.content)
    const pattern =
      this.tag === TAG.utcTime
        ? /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/
        : /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/
    const isTime = this.tag === TAG.utcTime || this.tag === TAG.generalizedTime
    const parts = isTime ? pattern.exec(text)?.slice(1).map(Number) : undefined
    if (parts === undefined)
      throw malformed(`${this.#name}.${field}`, 'a time in UTC', text.slice(0, 20))
    const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts
    const century = this.tag === TAG.generalizedTime ? 0 : year < 50 ? 2000 : 1900
    const timeMs = Date.UTC(century + year, month - 1, day, hour, minute, second)
    // Date.UTC carries the 32nd of a month over; such a date is none.
    if (
      !new Date(timeMs)
        .toISOString()
        .slice(5)
        .startsWith(`${pad(month)}-${pad(day)}T${pad(hour)}`)
    ) {
      throw malformed(`${this.#name}.${field}`, 'a date', text)
    }
    return timeMs
  }
}

/** The elements of a structure, taken in order. */
export class DerElements {
  readonly #elements: readonly Der[]
  readonly #name: string
  #at = 0

  constructor(elements: readonly Der[], name: string) {
    this.#elements = elements
    this.#name = name
  }

  /** All that are left. */
  rest(): readonly Der[] {
    const rest = this.#elements.slice(this.#at)
    this.#at = this.#elements.length
    return rest
  }

  /** The next element; throws when there is none. */
  next(field: string): Der {
    const element = this.#elements[this.#at++]
    if (element === undefined) throw malformed(`${this.#name}.${field}`, 'an element', 'the end')
    return element
  }

  /** The next element if it has this tag. */
  optional(tag: number): Der | undefined {
    const element = this.#elements[this.#at]
    if (element?.tag !== tag) return undefined
    this.#at++
    return element
  }

  /** Throws when something is left. */
  end(): void {
    if (this.#at < this.#elements.length) throw malformed(this.#name, 'the end', 'more elements')
  }
}

/** Lower-case hexadecimal of bytes. */
export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')
}

function pad(value: number): string {
  return String(value).padStart(2, '0')
}

function malformed(place: string, expected: string, found: string): ScionError {
  return new ScionError('ERR_SCION_MALFORMED', `${place}: ${expected}, found ${found}`)
}
