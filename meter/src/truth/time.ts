import type { MeterTime } from '../reading.ts'
import type { TruthFinding } from './finding.ts'
import type { TruthLimits } from './limits.ts'

/** The clocks at the moment of a reading. */
export interface TruthMoment {
  /** System time, Unix milliseconds. */
  readonly wallMs: number
  readonly monotonicMs: number
  /** Somebody vouches for the system time: the head-end, or a time server. */
  readonly wallTrusted: boolean
  /** What a battery-backed clock says, Unix milliseconds. */
  readonly rtcMs?: number
}

/** What time it is, as far as anybody knows. */
export interface TruthTime {
  /** Unix milliseconds; undefined where no clock shows a time that can be. */
  readonly timeMs: number | undefined
  readonly source: 'system' | 'rtc' | 'meter' | 'none'
  readonly doubtful: boolean
  /** How far the meter's clock is ahead of `timeMs`, zone and season taken out, in milliseconds. */
  readonly meterAheadMs?: number
}

const SECOND_MS = 1_000
const QUARTER_MS = 900_000
/** Largest distance of a civil time from UTC. */
const ZONE_MS_MAX = 14 * 3_600_000
/** A system clock that is being slewed moves by 500 ppm; anything beyond was set. */
const STEP_MS = 1_500
const SLEW = 0.001
/** Meters' seconds: a second of cutting, and what a cheap crystal is off. */
const INDEX_MS = 3_000
const INDEX_SHARE = 0.01

/** What the clocks of one meter and ours say about each other. */
export class TimeWatch {
  readonly #limits: TruthLimits
  #before: TruthMoment | undefined
  #index: { readonly seconds: number; readonly monotonicMs: number } | undefined

  constructor(limits: TruthLimits) {
    this.#limits = limits
  }

  check(
    time: MeterTime | undefined,
    moment: TruthMoment,
  ): { readonly findings: readonly TruthFinding[]; readonly time: TruthTime } {
    const findings = [...this.#stepped(moment), ...this.#indexed(time, moment)]
    const known = this.#now(time, moment)
    if (known.doubtful) {
      const what =
        known.timeMs === undefined
          ? `system time ${moment.wallMs} ms: expected ${this.#limits.earliestMs} ms or later`
          : `time from the ${known.source} clock, for which nobody vouches`
      findings.push({ flag: 'clock-doubt', what })
    }
    const aheadMs = known.timeMs === undefined ? undefined : ahead(time, known.timeMs)
    if (aheadMs !== undefined && known.source !== 'meter') {
      if (Math.abs(aheadMs) > this.#limits.clockMs) {
        const what = `meter clock ${(aheadMs / SECOND_MS).toFixed(0)} s ahead, expected within ${this.#limits.clockMs / SECOND_MS} s`
        findings.push({ flag: 'meter-clock-doubt', what })
      }
      return { findings, time: { ...known, meterAheadMs: aheadMs } }
    }
    return { findings, time: known }
  }

  /** Wall clock and monotonic clock must go the same way. */
  #stepped(moment: TruthMoment): TruthFinding[] {
    const before = this.#before
    this.#before = moment
    if (before === undefined) return []
    const tookMs = moment.monotonicMs - before.monotonicMs
    const stepMs = moment.wallMs - before.wallMs - tookMs
    if (Math.abs(stepMs) <= STEP_MS + SLEW * tookMs) return []
    return [
      { flag: 'clock-stepped', what: `system clock set by ${(stepMs / SECOND_MS).toFixed(1)} s` },
    ]
  }

  /** The second index must grow by the seconds that have passed. */
  #indexed(time: MeterTime | undefined, { monotonicMs }: TruthMoment): TruthFinding[] {
    if (time?.kind !== 'second-index') return []
    const before = this.#index
    this.#index = { seconds: time.seconds, monotonicMs }
    if (before === undefined) return []
    const tookMs = monotonicMs - before.monotonicMs
    const grewMs = (time.seconds - before.seconds) * SECOND_MS
    if (Math.abs(grewMs - tookMs) <= INDEX_MS + INDEX_SHARE * tookMs) return []
    if (grewMs < 0 && time.seconds * SECOND_MS <= tookMs + INDEX_MS) {
      return [{ flag: 'meter-restarted', what: `second index back at ${time.seconds} s` }]
    }
    const what = `second index grew by ${grewMs / SECOND_MS} s in ${(tookMs / SECOND_MS).toFixed(1)} s`
    return [{ flag: 'meter-clock-doubt', what }]
  }

  /** The best clock there is: trusted system time, else one that another clock confirms, else any. */
  #now(time: MeterTime | undefined, moment: TruthMoment): TruthTime {
    const { earliestMs, latestMs, clockMs } = this.#limits
    const possible = (ms: number): boolean => ms >= earliestMs && ms < latestMs
    const { wallMs, rtcMs, wallTrusted } = moment
    const rtc = rtcMs !== undefined && possible(rtcMs) ? rtcMs : undefined
    if (possible(wallMs)) {
      const agrees = rtc === undefined || Math.abs(rtc - wallMs) <= clockMs
      const confirmed = rtc !== undefined && agrees
      const doubtful = wallTrusted ? !agrees : !confirmed
      if (wallTrusted || agrees) {
        return { timeMs: wallMs, source: 'system', doubtful }
      }
    }
    if (rtc !== undefined) return { timeMs: rtc, source: 'rtc', doubtful: true }
    const meterMs = time?.kind === 'utc' || time?.kind === 'local' ? time.seconds * SECOND_MS : 0
    if (possible(meterMs)) return { timeMs: meterMs, source: 'meter', doubtful: true }
    return { timeMs: undefined, source: 'none', doubtful: true }
  }
}

/** How far a meter's clock is ahead of a time; a wall clock's zone is the nearest quarter of an hour. */
function ahead(time: MeterTime | undefined, timeMs: number): number | undefined {
  if (time === undefined || time.kind === 'second-index') return undefined
  const aheadMs = time.seconds * SECOND_MS - timeMs
  if (time.kind !== 'wall' || Math.abs(aheadMs) > ZONE_MS_MAX) return aheadMs
  return aheadMs - Math.round(aheadMs / QUARTER_MS) * QUARTER_MS
}
