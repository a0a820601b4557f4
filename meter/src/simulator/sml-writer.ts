import { crc16Kermit, crc16X25 } from '../crc16.ts'
import type { SmlCrc } from '../sml/framer.ts'
import { messageCrc } from '../sml/message.ts'
import { TLF_TYPE } from '../sml/tlf.ts'

const ESCAPE = 0x1b
const FOUR = 4

/** Writes SML elements (SML 1.04 §6) and, at the end, the frame around them (§8). */
export class SmlWriter {
  readonly #bytes: number[] = []
  /** Where the present message began. */
  #message = 0

  absent(): void {
    this.#bytes.push(0x01)
  }

  list(elements: number): void {
    this.#head(TLF_TYPE.list, elements)
  }

  octets(bytes: Iterable<number>): void {
    const content = [...bytes]
    this.#head(TLF_TYPE.octets, content.length)
    this.#bytes.push(...content)
  }

  text(text: string): void {
    this.octets(new TextEncoder().encode(text))
  }

  /** An integer in as few bytes as hold it, but at least `widthMin`. */
  unsigned(value: bigint | number, widthMin = 1): void {
    const digits = BigInt(value)
    let width = widthMin
    while (digits >= 1n << BigInt(8 * width)) width++
    this.#integer(TLF_TYPE.unsigned, digits, width)
  }

  signed(value: bigint | number, widthMin = 1): void {
    const digits = BigInt(value)
    let width = widthMin
    while (digits >= 1n << BigInt(8 * width - 1) || digits < -(1n << BigInt(8 * width - 1))) width++
    this.signedOf(digits, width)
  }

  /** A signed integer in exactly `width` bytes, cut off if it needs more. */
  signedOf(digits: bigint, width: number): void {
    this.#integer(TLF_TYPE.signed, BigInt.asUintN(8 * width, digits), width)
  }

  boolean(value: boolean): void {
    this.#head(TLF_TYPE.boolean, 1)
    this.#bytes.push(value ? 0x01 : 0x00)
  }

  /** Begins a message up to its content. */
  begin(transaction: number, group: number, tag: number): void {
    this.#message = this.#bytes.length
    this.list(6)
    this.octets([transaction >>> 24, transaction >>> 16, transaction >>> 8, transaction].map(low))
    this.unsigned(group)
    this.unsigned(0)
    this.list(2)
    this.unsigned(tag, 2)
  }

  /** Ends a message: checksum (in one byte where its high byte is zero, if `short`), then 00. */
  finish(crc: SmlCrc, short: boolean): void {
    const bytes = Uint8Array.from(this.#bytes)
    this.unsigned(messageCrc(bytes, this.#message, bytes.length, crc), short ? 1 : 2)
    this.#bytes.push(0x00)
  }

  /** The messages alone. */
  body(): Uint8Array {
    return Uint8Array.from(this.#bytes)
  }

  /** The whole telegram. `fillOfFour` pads four bytes where none are needed, as DZG does. */
  frame(crc: SmlCrc, fillOfFour: boolean): Uint8Array {
    const frame = [ESCAPE, ESCAPE, ESCAPE, ESCAPE, 1, 1, 1, 1]
    let run = 0
    for (const byte of this.#bytes) {
      frame.push(byte)
      run = byte === ESCAPE ? run + 1 : 0
      if (run === FOUR) {
        frame.push(ESCAPE, ESCAPE, ESCAPE, ESCAPE)
        run = 0
      }
    }
    const short = (FOUR - (frame.length % FOUR)) % FOUR
    const fill = short === 0 && fillOfFour ? FOUR : short
    for (let count = 0; count < fill; count++) frame.push(0)
    frame.push(ESCAPE, ESCAPE, ESCAPE, ESCAPE, 0x1a, fill)
    const covered = Uint8Array.from(frame)
    const value = crc === 'x25' ? crc16X25(covered) : crc16Kermit(covered)
    const bytes = crc === 'x25' ? [low(value), value >>> 8] : [value >>> 8, low(value)]
    return Uint8Array.from([...frame, ...bytes])
  }

  #integer(type: number, digits: bigint, width: number): void {
    this.#head(type, width)
    for (let at = width - 1; at >= 0; at--) {
      this.#bytes.push(Number((digits >> BigInt(8 * at)) & 0xffn))
    }
  }

  /** TL bytes: four bits of length each; for all but lists they count themselves. */
  #head(type: number, content: number): void {
    const own = type === TLF_TYPE.list ? 0 : 1
    let count = 1
    while (content + own * count >= 16 ** count) count++
    const length = content + own * count
    for (let at = count - 1; at >= 0; at--) {
      const more = at > 0 ? 0x80 : 0
      const kind = at === count - 1 ? type << 4 : 0
      this.#bytes.push(more | kind | ((length >>> (4 * at)) & 0x0f))
    }
  }
}

function low(value: number): number {
  return value & 0xff
}
