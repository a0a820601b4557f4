import type { Journey } from '../../api.ts'

/** The stations of a reading's way, in order. */
export const STATIONS = ['telegram', 'registers', 'sealed', 'path', 'stored', 'acked'] as const

/** One of them. */
export type Station = (typeof STATIONS)[number]

/** When a station was reached, counted from the light; undefined while it is not. */
export function reachedAfterMs(journey: Journey, station: Station): number | undefined {
  const at = reachedMs(journey, station)
  return at === undefined ? undefined : Math.max(0, at - journey.telegram.arrivedMs)
}

function reachedMs(journey: Journey, station: Station): number | undefined {
  switch (station) {
    case 'telegram':
      return journey.telegram.arrivedMs
    case 'registers':
      return journey.registers.length > 0 ? journey.telegram.arrivedMs : undefined
    case 'sealed':
      return journey.sealedMs
    case 'path':
      return journey.attempts.at(-1)?.atMs
    case 'stored':
      return journey.storedMs
    case 'acked':
      return journey.ackedMs
  }
}

/** One run of bytes with the field that it belongs to; bytes between fields have none. */
export interface ByteRun {
  readonly hex: readonly string[]
  readonly start: number
  /** Index of the field in `journey.telegram.fields`. */
  readonly field?: number
}

/** Telegram bytes that are drawn; a longer telegram shows its beginning and says so. */
export const TELEGRAM_BYTES_SHOWN_MAX = 1024

/** Cuts a telegram's hex into runs by field; overlapping or broken fields count to the earlier. */
export function byteRuns(telegram: Journey['telegram']): readonly ByteRun[] {
  const bytes = (telegram.bytes.match(/../g) ?? []).slice(0, TELEGRAM_BYTES_SHOWN_MAX)
  const runs: ByteRun[] = []
  let at = 0
  const take = (end: number, field?: number): void => {
    const hex = bytes.slice(at, end)
    if (hex.length > 0) runs.push({ hex, start: at, ...(field !== undefined && { field }) })
    at = Math.max(at, end)
  }
  const fields = telegram.fields.map((field, index) => ({ ...field, index }))
  fields.sort((one, two) => one.start - two.start)
  for (const field of fields) {
    if (field.start > at) take(field.start)
    if (field.end > at) take(field.end, field.index)
  }
  take(bytes.length)
  return runs
}
