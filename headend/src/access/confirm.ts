import { createHmac, timingSafeEqual } from 'node:crypto'
import type { RandomBytes } from '../clock.ts'
import { HeadendError } from '../errors.ts'

/** How long a confirmation holds. */
export const CONFIRM_MS_MAX = 120_000

const KEY_BYTES = 32
const TAG_CHARS = 43

/**
 * Proof that somebody was shown what is about to be done. Nothing is kept: the token is a MAC over who
 * asked, what for, the state that was shown, and until when, under a key of this run.
 */
export class Confirmations {
  readonly #key: Uint8Array

  constructor(random: RandomBytes) {
    this.#key = random(KEY_BYTES)
  }

  /** A token for these words: who, what, to what, from which state. */
  give(
    words: readonly string[],
    nowMs: number,
  ): { readonly confirm: string; readonly expiresMs: number } {
    const expiresMs = nowMs + CONFIRM_MS_MAX
    return { confirm: `${expiresMs.toString(36)}.${this.#tag(words, expiresMs)}`, expiresMs }
  }

  /** @throws HeadendError `ERR_HEADEND_STATE` where the token is not one for these words, now. */
  check(token: string, words: readonly string[], nowMs: number): void {
    const [, until = '', tag = ''] = /^([0-9a-z]{1,12})\.([\w-]+)$/.exec(token) ?? []
    const expiresMs = Number.parseInt(until, 36)
    const expected = Buffer.from(this.#tag(words, expiresMs))
    const found = Buffer.from(tag.padEnd(TAG_CHARS).slice(0, TAG_CHARS))
    const isRight = tag.length === TAG_CHARS && timingSafeEqual(expected, found)
    if (isRight && nowMs < expiresMs) return
    throw new HeadendError(
      'ERR_HEADEND_STATE',
      'confirm: expected a confirmation of this very deed, given in the last two minutes, while the device was as it is now',
    )
  }

  #tag(words: readonly string[], expiresMs: number): string {
    const text = JSON.stringify([...words, expiresMs])
    return createHmac('sha256', this.#key).update(text).digest('base64url')
  }
}
