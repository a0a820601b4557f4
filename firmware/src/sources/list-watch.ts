import { unnamedList, type DiscardReason, type OwnList } from '@s3mp/meter'

import type { MeterKeys } from './keys.ts'
import type { SourceContext } from './source.ts'

/** That a meter sends lists whose places nobody has named is told again after this, in milliseconds. */
export const LIST_VERDICT_MS = 86_400_000

const REMEDY = 'a list without codes: s3mp record, then s3mp decode --propose'

/** Tells once, and then once a day, that a meter sends lists whose places nobody has named. */
export class ListWatch {
  readonly #context: SourceContext
  readonly #name: string
  readonly #keys: MeterKeys
  readonly #lists: readonly OwnList[]
  #toldMs = -Infinity

  constructor(name: string, keys: MeterKeys, lists: readonly OwnList[], context: SourceContext) {
    this.#context = context
    this.#name = name
    this.#keys = keys
    this.#lists = lists
  }

  /**
   * A telegram was thrown away, with its raw bytes as far as they are held; answers whether it was
   * whole and said nothing, so that speed and framing are right.
   */
  refused(reason: DiscardReason, bytes: Uint8Array): boolean {
    if (reason !== 'empty') return false
    const { clock, log, onTrouble } = this.#context
    const nowMs = clock.monotonicMs()
    if (nowMs - this.#toldMs < LIST_VERDICT_MS) return true
    const { key: encryptionKey, ...keys } = this.#keys
    const list = unnamedList(bytes, { encryptionKey, ...keys }, this.#lists)
    if (list === undefined) return true
    this.#toldMs = nowMs
    log.warn('list.unnamed', { meter: this.#name, types: list.types, remedy: REMEDY })
    onTrouble({ kind: 'meter-refused', request: `list ${list.types}`, reason: REMEDY })
    return true
  }
}
