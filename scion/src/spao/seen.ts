/** Authenticators remembered to recognise repeated packets; the oldest give way. */
export const SEEN_AUTHENTICATORS_MAX = 65_536

/**
 * Recognises packets that were seen before, by source and authenticator, as long as they could still
 * pass for fresh.
 *
 * Two generations, each of half the limit or one window long: looking is constant work, and what is
 * forgotten is stale by then, unless more packets arrive than the limit holds. A repetition that
 * slips through such a flood is left to the layers above, which count for themselves.
 */
export class SeenAuthenticators {
  #current = new Set<string>()
  #previous = new Set<string>()
  #rotatedMs: number
  readonly #generationMs: number

  /** @param windowMs for how long a packet can pass for fresh, both sides of now together */
  constructor(windowMs: number, nowMs: number) {
    this.#generationMs = windowMs
    this.#rotatedMs = nowMs
  }

  /** Whether this authenticator of this source is new; remembers it. Only for verified ones. */
  isNew(source: string, authenticator: Uint8Array, nowMs: number): boolean {
    this.#rotate(nowMs)
    const name = `${source} ${Buffer.from(authenticator).toString('base64')}`
    if (this.#current.has(name) || this.#previous.has(name)) return false
    this.#current.add(name)
    return true
  }

  /** Entries held now. */
  get size(): number {
    return this.#current.size + this.#previous.size
  }

  #rotate(nowMs: number): void {
    const old = Math.abs(nowMs - this.#rotatedMs) >= this.#generationMs
    if (!old && this.#current.size < SEEN_AUTHENTICATORS_MAX / 2) return
    this.#previous = this.#current
    this.#current = new Set()
    this.#rotatedMs = nowMs
  }
}
