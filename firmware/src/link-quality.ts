import type { DecoderEvent, DiscardReason } from '@s3mp/meter'

/** What was heard from the head so far; all counts are since the start. */
export interface LinkQuality {
  readonly bytes: number
  readonly telegrams: number
  readonly discardedBytes: number
  /** Bytes thrown away, by reason. */
  readonly byReason: Readonly<Partial<Record<DiscardReason, number>>>
  /** Share of the last {@link QUALITY_EVENTS_MAX} things heard that were whole telegrams, 0 to 1. */
  readonly recent: number | undefined
  /** Times that the port was lost and came back. */
  readonly reopened: number
  /** Bytes that the driver dropped because nobody read them in time. */
  readonly overruns: number
}

/** Decoder events over which the recent quality is taken. */
export const QUALITY_EVENTS_MAX = 64

/** Counts what a head delivers, so that its owner sees whether it sits well. */
export class LinkQualityMeter {
  #bytes = 0
  #telegrams = 0
  #discardedBytes = 0
  #reopened = 0
  #overruns = 0
  readonly #byReason: Partial<Record<DiscardReason, number>> = {}
  readonly #recent: boolean[] = []

  heard(bytes: number): void {
    this.#bytes += bytes
  }

  reopened(): void {
    this.#reopened += 1
  }

  overrun(): void {
    this.#overruns += 1
  }

  decoded(event: DecoderEvent): void {
    const isGood = event.type === 'reading'
    if (isGood) this.#telegrams += 1
    else {
      this.#discardedBytes += event.bytes
      this.#byReason[event.reason] = (this.#byReason[event.reason] ?? 0) + event.bytes
    }
    this.#recent.push(isGood)
    if (this.#recent.length > QUALITY_EVENTS_MAX) this.#recent.shift()
  }

  snapshot(): LinkQuality {
    const good = this.#recent.filter(Boolean).length
    return {
      bytes: this.#bytes,
      telegrams: this.#telegrams,
      discardedBytes: this.#discardedBytes,
      byReason: { ...this.#byReason },
      recent: this.#recent.length === 0 ? undefined : good / this.#recent.length,
      reopened: this.#reopened,
      overruns: this.#overruns,
    }
  }
}
