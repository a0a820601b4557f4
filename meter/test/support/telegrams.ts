import type { DecoderEvent, TelegramDecoder } from '../../src/index.ts'
import type { HouseholdState } from '../../src/simulator/index.ts'

/** All that a decoder says about bytes that come in chunks of the given sizes, again and again. */
export function decodeAll(
  decoder: TelegramDecoder,
  bytes: Uint8Array,
  sizes: readonly number[] = [bytes.length],
): readonly DecoderEvent[] {
  const events: DecoderEvent[] = []
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = Math.max(1, sizes[turn % sizes.length] ?? 1)
    events.push(...decoder.push(bytes.subarray(at, at + size)))
    at += size
  }
  return [...events, ...decoder.end()]
}

/** Byte strings one after the other. */
export function join(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]))
}

/** A house at a quiet moment, with what a test wants otherwise. */
export function houseState(changes: Partial<HouseholdState> = {}): HouseholdState {
  return {
    timeMs: Date.UTC(2026, 2, 20, 12),
    powerMw: 412_300,
    phasePowerMw: [200_000, 112_300, 100_000],
    solarMw: 0,
    voltageMv: [230_100, 229_900, 231_400],
    currentMa: [900, 520, 470],
    frequencyMilliHz: 49_980,
    importMilliWh: 12_345_678_900n,
    exportMilliWh: 4_500_000n,
    ...changes,
  }
}

/** Bytes of hex text with blanks. */
export function hex(text: string): Uint8Array {
  return Uint8Array.from((text.match(/[0-9a-f]{2}/gi) ?? []).map((pair) => parseInt(pair, 16)))
}
