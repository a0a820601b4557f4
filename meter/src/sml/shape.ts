import { SML_TL_BYTES_MAX, TLF_TYPE } from './tlf.ts'

/** What a byte made of a message: more is to come, it is whole, or it cannot be one. */
export type ShapeStep = 'more' | 'whole' | 'broken'

/** Elements that may be pending at once; bounds what lists within lists can claim. */
export const SML_PENDING_ELEMENTS_MAX = 65_536

const MORE = 0x80

/** Follows the type-length fields of a message byte by byte, to see where it ends. */
export class SmlShape {
  /** Elements still to come; the message itself is the first. */
  #pending = 1
  /** Content bytes of the present element still to come. */
  #content = 0
  /** TL bytes of the present element so far; 0 between elements. */
  #tlBytes = 0
  #type = 0
  #length = 0

  /** Forgets what it has seen: the next byte begins a message. */
  reset(): void {
    this.#pending = 1
    this.#content = 0
    this.#tlBytes = 0
  }

  next(byte: number): ShapeStep {
    if (this.#content > 0) {
      this.#content--
      return 'more'
    }
    if (this.#tlBytes === 0) {
      if (byte === 0) return this.#endOfMessage()
      this.#type = (byte >> 4) & 0x07
      this.#length = byte & 0x0f
    } else {
      this.#length = (this.#length << 4) | (byte & 0x0f)
    }
    this.#tlBytes++
    if ((byte & MORE) !== 0) return this.#tlBytes < SML_TL_BYTES_MAX ? 'more' : 'broken'
    return this.#endOfHead()
  }

  #endOfHead(): ShapeStep {
    const isList = this.#type === TLF_TYPE.list
    const length = this.#length - (isList ? 0 : this.#tlBytes)
    this.#tlBytes = 0
    this.#pending--
    if (length < 0) return 'broken'
    if (isList) this.#pending += length
    else this.#content = length
    return this.#pending > 0 && this.#pending <= SML_PENDING_ELEMENTS_MAX ? 'more' : 'broken'
  }

  /** 00 is the sixth and last element of a message and nothing else. */
  #endOfMessage(): ShapeStep {
    if (this.#pending !== 1) return 'broken'
    this.reset()
    return 'whole'
  }
}
