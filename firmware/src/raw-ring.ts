/** Raw bytes kept for a look back: about 60 telegrams of a common meter. */
export const RAW_RING_BYTES_MAX = 16_384

/** The last bytes heard, in constant memory, so that a fault can be shown as it came in. */
export class RawRing {
  readonly #bytes: Uint8Array
  #next = 0
  #filled = 0
  #total = 0

  constructor(bytesMax: number = RAW_RING_BYTES_MAX) {
    this.#bytes = new Uint8Array(bytesMax)
  }

  /** Bytes ever pushed. */
  get total(): number {
    return this.#total
  }

  /** Takes a chunk; of one that is longer than the ring only its end is kept. */
  push(chunk: Uint8Array): void {
    const size = this.#bytes.length
    this.#total += chunk.length
    const kept = chunk.length > size ? chunk.subarray(chunk.length - size) : chunk
    const head = Math.min(kept.length, size - this.#next)
    this.#bytes.set(kept.subarray(0, head), this.#next)
    this.#bytes.set(kept.subarray(head), 0)
    this.#next = (this.#next + kept.length) % size
    this.#filled = Math.min(size, this.#filled + kept.length)
  }

  /** A copy of what is held, oldest first. */
  snapshot(): Uint8Array {
    const size = this.#bytes.length
    const copy = new Uint8Array(this.#filled)
    const start = (this.#next - this.#filled + size) % size
    const head = Math.min(this.#filled, size - start)
    copy.set(this.#bytes.subarray(start, start + head))
    copy.set(this.#bytes.subarray(0, this.#filled - head), head)
    return copy
  }

  /** A copy of the bytes from one position to another, counted like `total`; empty if some are gone. */
  slice(from: number, to: number): Uint8Array {
    const oldest = this.#total - this.#filled
    if (from < oldest || to > this.#total || from > to) return new Uint8Array(0)
    return this.snapshot().slice(from - oldest, to - oldest)
  }
}
