import type { MeterTime } from '@s3mp/meter'

const QUARTER_MS = 900_000
const HOUR_MS = 3_600_000

/** The farthest that a civil time is from UTC (Kiribati), in milliseconds. */
export const ZONE_MS_MAX = 14 * HOUR_MS

/** How a meter's wall clock stands to UTC. */
export interface WallZone {
  /** What it shows more than UTC, in milliseconds. */
  readonly aheadMs: number
  /** Whether that is in summer time, where the meter says so. */
  readonly summer: boolean | undefined
}

/**
 * How a meter's wall clock stands to UTC, from what it shows now: in whole quarter hours, because
 * zones are, and meters' clocks are not. Undefined for a time that is no wall time, or a clock that
 * is wrong by more than any zone.
 */
export function zoneOf(time: MeterTime | undefined, nowMs: number): WallZone | undefined {
  if (time?.kind !== 'wall') return undefined
  const aheadMs = Math.round((time.seconds * 1000 - nowMs) / QUARTER_MS) * QUARTER_MS
  // Adding nothing turns −0 into 0.
  return Math.abs(aheadMs) <= ZONE_MS_MAX
    ? { aheadMs: aheadMs + 0, summer: time.summer }
    : undefined
}

/**
 * Unix milliseconds of a moment that a meter names. A time without a zone is read in the meter's own
 * (`zone`, by {@link zoneOf}), else in that of this machine. Undefined for what is no date.
 */
export function captureMs(
  time: MeterTime | undefined,
  zone: WallZone | undefined,
): number | undefined {
  if (time === undefined || time.kind === 'second-index') return undefined
  const ms = time.seconds * 1000
  if (time.kind === 'utc' || time.kind === 'local') return ms
  if (zone === undefined) return ms + new Date(ms).getTimezoneOffset() * 60_000
  const isOther = time.summer !== undefined && zone.summer !== undefined
  const seasonMs = isOther ? (Number(time.summer) - Number(zone.summer)) * HOUR_MS : 0
  return ms - zone.aheadMs - seasonMs
}
