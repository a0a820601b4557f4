import type { Reading, ReadingFlag } from '../reading.ts'
import { EnergyWatch } from './energy.ts'
import type { TruthFinding } from './finding.ts'
import type { TruthLimits } from './limits.ts'
import { TRUTH_DEVICES_MAX, TRUTH_LIMITS } from './limits.ts'
import { PowerWatch } from './power.ts'
import type { TruthMoment, TruthTime } from './time.ts'
import { TimeWatch } from './time.ts'
import { valuesOf } from './values.ts'

/** What is thought of a reading. */
export interface TruthVerdict {
  /** The reading with the flags of the findings added; nothing else is ever changed. */
  readonly reading: Reading
  readonly findings: readonly TruthFinding[]
  readonly time: TruthTime
}

/** Holds readings against physics, clocks and what was read before. */
export interface Truth {
  /**
   * Takes the next reading of any meter. It flags and never drops; memory is bounded by
   * {@link TRUTH_DEVICES_MAX} meters.
   */
  check(reading: Reading, moment: TruthMoment): TruthVerdict
}

/** What is remembered of one meter. */
interface Watches {
  readonly energy: EnergyWatch
  readonly power: PowerWatch
  readonly time: TimeWatch
}

/** A judge of readings; `limits` are those of the connection where they differ from a house's. */
export function createTruth(limits: Partial<TruthLimits> = {}): Truth {
  const all = { ...TRUTH_LIMITS, ...limits }
  const devices = new Map<string, Watches>()

  function watchesOf(device: string): Watches {
    const known = devices.get(device)
    if (known !== undefined) {
      // The meter heard last stands last.
      devices.delete(device)
      devices.set(device, known)
      return known
    }
    const [oldest] = devices.keys()
    if (devices.size >= TRUTH_DEVICES_MAX && oldest !== undefined) devices.delete(oldest)
    const fresh = {
      energy: new EnergyWatch(all),
      power: new PowerWatch(all),
      time: new TimeWatch(all),
    }
    devices.set(device, fresh)
    return fresh
  }

  return {
    check(reading, moment) {
      const watches = watchesOf(`${reading.protocol} ${reading.device}`)
      const values = valuesOf(reading)
      const { findings: clocks, time } = watches.time.check(reading.meterTime, moment)
      const findings = [
        ...watches.energy.check(values, moment.monotonicMs),
        ...watches.power.check(values),
        ...clocks,
      ]
      return { reading: flagged(reading, findings), findings, time }
    },
  }
}

function flagged(reading: Reading, findings: readonly TruthFinding[]): Reading {
  if (findings.length === 0) return reading
  const flags = new Set<ReadingFlag>(reading.flags)
  for (const { flag } of findings) flags.add(flag)
  return { ...reading, flags: [...flags] }
}
