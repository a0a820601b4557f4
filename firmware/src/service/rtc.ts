import { readFileSync } from 'node:fs'

import type { Clock } from '@s3mp/hal'

/** Where the kernel shows the first battery-backed clock (a DS3231 by `dtoverlay=i2c-rtc,ds3231`). */
const FILE = '/sys/class/rtc/rtc0/since_epoch'

/** It is asked again after this: every question goes over the bus, in milliseconds. */
export const RTC_ASK_MS = 600_000

/**
 * Asks the battery-backed clock, where there is one, every ten minutes; in between its time goes on
 * with the monotonic clock.
 */
export function rtcOf(
  clock: Clock,
  read: () => string = () => readFileSync(FILE, 'latin1'),
): () => number | undefined {
  let asked: { readonly offsetMs: number | undefined; readonly atMs: number } | undefined
  return () => {
    const nowMs = clock.monotonicMs()
    if (asked === undefined || nowMs - asked.atMs >= RTC_ASK_MS) {
      const seconds = secondsIn(read)
      const offsetMs = seconds === undefined ? undefined : seconds * 1000 - nowMs
      asked = { offsetMs, atMs: nowMs }
    }
    return asked.offsetMs === undefined ? undefined : asked.offsetMs + nowMs
  }
}

function secondsIn(read: () => string): number | undefined {
  try {
    const [digits] = /^\d{1,12}/u.exec(read()) ?? []
    return digits === undefined ? undefined : Number(digits)
  } catch {
    return undefined
  }
}
