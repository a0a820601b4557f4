import { diagnoseTelegram, type DiscardReason } from '@s3mp/meter'

import type { MeterKeys } from './keys.ts'
import type { SourceContext } from './source.ts'

/** A verdict that goes on is told again after this long, in milliseconds. */
export const KEY_VERDICT_MS = 86_400_000

/** What a telegram that the keys do not open says about them. */
const VERDICTS: Readonly<Partial<Record<DiscardReason, readonly [string, string]>>> = {
  'key-missing': ['encryption-key-missing', 'the meter ciphers: write keys.encryption'],
  'key-wrong': ['encryption-key-wrong', 'keys.encryption opens no telegram'],
  unauthentic: ['authentication-key-wrong', 'keys.encryption is right, keys.authentication not'],
  replay: ['replay', 'the counter of a telegram did not rise'],
}

/** Tells once, and then once a day, that the keys of a meter do not fit, and when they fit again. */
export class KeyWatch {
  readonly #context: SourceContext
  readonly #name: string
  readonly #keys: MeterKeys
  #verdict: string | undefined
  #toldMs = -Infinity

  constructor(name: string, keys: MeterKeys, context: SourceContext) {
    this.#name = name
    this.#keys = keys
    this.#context = context
  }

  /**
   * A telegram was thrown away, with its raw bytes as far as they are held; answers whether it was
   * for the sake of the keys.
   */
  refused(reason: DiscardReason, bytes: Uint8Array): boolean {
    const found = VERDICTS[reason]
    if (found === undefined) return false
    const [verdict] = found
    const { clock, log, onTrouble } = this.#context
    const nowMs = clock.monotonicMs()
    if (verdict === this.#verdict && nowMs - this.#toldMs < KEY_VERDICT_MS) return true
    this.#verdict = verdict
    this.#toldMs = nowMs
    const words = reason === 'replay' ? found[1] : (this.#findingOf(bytes) ?? found[1])
    log.warn('keys.refused', { meter: this.#name, verdict, reason: words })
    onTrouble({ kind: 'keys-refused', verdict, reason: words })
    return true
  }

  /** What the key doctor says of a telegram. */
  #findingOf(bytes: Uint8Array): string | undefined {
    const { key, ...keys } = this.#keys
    const reasons = diagnoseTelegram(bytes, { ...keys, encryptionKey: key })?.reasons ?? []
    return reasons.length === 0 ? undefined : reasons.join('; ')
  }

  /** A telegram of a ciphering meter was opened; a replay does not speak against the keys. */
  opened(): void {
    if (this.#verdict === undefined || this.#verdict === 'replay') return
    this.#verdict = undefined
    this.#context.log.info('keys.fit', { meter: this.#name })
  }
}
