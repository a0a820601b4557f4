/** Bytes sent of which an echo is awaited: longer than any request to a meter. */
export const ECHO_BYTES_MAX = 4_096

const NOTHING = new Uint8Array()

/**
 * Takes away what a head hears of its own light, and an RS-485 adapter of its own words: the bytes
 * that were sent come back in front of the answer, on some adapters and not on others.
 *
 * Bytes are held only while they could still be the echo, so an answer that begins like the request
 * is delayed by no more than its first different byte. A damaged echo is not recognised: it comes
 * through, as garbage in front of the answer.
 */
export class EchoCanceller {
  #awaited: Uint8Array = NOTHING
  /** How much of `#awaited` has come. */
  #matched = 0
  #echoes: boolean | undefined

  /** Whether the line echoes; undefined as long as nothing was heard behind anything sent. */
  get echoes(): boolean | undefined {
    return this.#echoes
  }

  /** These bytes were written just now. What was awaited before is forgotten. */
  sent(bytes: Uint8Array): void {
    this.#awaited = bytes.slice(0, ECHO_BYTES_MAX)
    this.#matched = 0
  }

  /** What of the received bytes is no echo; with what was held back before, when it was none. */
  receive(bytes: Uint8Array): Uint8Array {
    const awaited = this.#awaited
    if (awaited.length === 0) return bytes
    const held = this.#matched
    let at = 0
    while (at < bytes.length && this.#matched < awaited.length) {
      if (bytes[at] !== awaited[this.#matched]) {
        this.#forget(false)
        if (held + at === 0) return bytes
        const all = new Uint8Array(held + bytes.length)
        all.set(awaited.subarray(0, held))
        all.set(bytes, held)
        return all
      }
      this.#matched++
      at++
    }
    if (this.#matched === awaited.length) this.#forget(true)
    return bytes.subarray(at)
  }

  /** Nothing more will come of the echo: what was held back, which was the answer itself. */
  flush(): Uint8Array {
    const held = this.#awaited.slice(0, this.#matched)
    this.#awaited = NOTHING
    this.#matched = 0
    return held
  }

  #forget(echoes: boolean): void {
    this.#echoes = echoes
    this.#awaited = NOTHING
    this.#matched = 0
  }
}
