import { MeterError } from '../errors.ts'
import type { Reading, Register } from '../reading.ts'
import { UNIT } from '../units.ts'

/** Shortest pulse and shortest pause that EN 62053-31 §4 allows, in milliseconds. */
export const S0_PULSE_MS_MIN = 30

/** Pulses a kWh beyond which a constant is surely a typing error. */
export const S0_CONSTANT_MAX = 100_000

/** Longest time since the last pulse for which a power is still given, in milliseconds. */
export const S0_POWER_AGE_MS_MAX = 3_600_000

/** A change of level on the pulse output; `monotonicMs` never steps back. */
export interface PulseEdge {
  /** Whether the output conducts from now on. */
  readonly active: boolean
  readonly monotonicMs: number
}

/** What must survive a power cut, stored with the reading that it belongs to. */
export interface S0State {
  /** Pulses ever counted. */
  readonly pulses: bigint
}

/** How one pulse output is read. */
export interface S0Options {
  /** Identification of the meter: nobody but its owner can tell. */
  readonly device: string
  /** Pulses a kWh, as printed on the meter. */
  readonly pulsesPerKwh: number
  /** OBIS of the energy; by default import, all tariffs. */
  readonly energyObis?: string
  /** OBIS of the power that follows from the pauses between pulses. */
  readonly powerObis?: string
  /** Shortest level believed, in milliseconds: shorter ones are bounce. Half the norm's minimum. */
  readonly bounceMs?: number
  /** Where counting goes on. */
  readonly state?: S0State
}

/** What the counter has seen, good and bad. */
export interface S0Counts {
  readonly pulses: bigint
  /** Levels too short to be believed, in either direction. */
  readonly bounces: number
  /** Pulses shorter than the norm's minimum, counted nevertheless. */
  readonly short: number
}

/**
 * Counts the pulses of an S0 output (EN 62053-31, class A and B).
 *
 * A pulse counts when it has lasted `bounceMs` and a pause of `bounceMs` has followed: interruptions
 * shorter than that belong to the pulse, spikes shorter than that to the pause, so that a bouncing
 * contact neither loses nor doubles a pulse. Edges are decided by their own times, not by when this
 * process got round to them.
 */
export class S0Counter {
  readonly #options: Required<Omit<S0Options, 'state'>>
  #pulses: bigint
  #bounces = 0
  #short = 0
  /** When the level that is believed began, and which it is. */
  #active = false
  /** The newest change, not yet old enough to be believed. */
  #doubtful: PulseEdge | undefined
  #pulseStartMs: number | undefined
  #lastStartMs: number | undefined
  #intervalMs: number | undefined

  /** @throws MeterError `unsupported` for a constant that no meter has. */
  constructor(options: S0Options) {
    const { pulsesPerKwh } = options
    if (!(pulsesPerKwh > 0 && pulsesPerKwh <= S0_CONSTANT_MAX)) {
      throw new MeterError(
        'unsupported',
        `pulsesPerKwh: expected more than 0 and at most ${S0_CONSTANT_MAX}, found ${pulsesPerKwh}`,
      )
    }
    this.#options = {
      energyObis: '1-0:1.8.0*255',
      powerObis: '1-0:1.7.0*255',
      bounceMs: S0_PULSE_MS_MIN / 2,
      ...options,
    }
    this.#pulses = options.state?.pulses ?? 0n
  }

  /** Takes the next change of level. Answers how many pulses it completed, 0 or 1. */
  push(edge: PulseEdge): number {
    const completed = this.settle(edge.monotonicMs)
    if (this.#doubtful !== undefined) {
      // The doubtful level ended before it could be believed: back to the level before it.
      this.#doubtful = undefined
      this.#bounces++
    }
    if (edge.active !== this.#active) this.#doubtful = edge
    return completed
  }

  /** Believes what has lasted long enough at `monotonicMs`. Answers how many pulses that completed. */
  settle(monotonicMs: number): number {
    const edge = this.#doubtful
    if (edge === undefined || monotonicMs - edge.monotonicMs < this.#options.bounceMs) return 0
    this.#doubtful = undefined
    this.#active = edge.active
    if (edge.active) {
      this.#pulseStartMs = edge.monotonicMs
      return 0
    }
    return this.#complete(edge.monotonicMs)
  }

  #complete(endMs: number): number {
    const startMs = this.#pulseStartMs
    if (startMs === undefined) return 0
    this.#pulseStartMs = undefined
    if (endMs - startMs < S0_PULSE_MS_MIN) this.#short++
    if (this.#lastStartMs !== undefined) this.#intervalMs = startMs - this.#lastStartMs
    this.#lastStartMs = startMs
    this.#pulses++
    return 1
  }

  /** What must be stored so that a counter made of it goes on where this one is. */
  get state(): S0State {
    return { pulses: this.#pulses }
  }

  /** Counts for the health report. */
  get counts(): S0Counts {
    return { pulses: this.#pulses, bounces: this.#bounces, short: this.#short }
  }

  /**
   * Energy so far in tenths of a milliwatt-hour, rounded down, and the power if there is one: from
   * the time between the last two pulses, or less once the next pulse is overdue.
   */
  reading(monotonicMs: number): Reading {
    const { device, energyObis, powerObis, pulsesPerKwh } = this.#options
    const energy: Register = {
      obis: energyObis,
      digits: (this.#pulses * 10_000_000_000n) / BigInt(Math.round(pulsesPerKwh * 1000)),
      scaler: -4,
      unit: 'Wh',
      unitCode: UNIT.wattHour,
    }
    const power = this.#powerMilliwatts(monotonicMs)
    const derived: readonly Register[] =
      power === undefined
        ? []
        : [
            {
              obis: powerObis,
              digits: power,
              scaler: -3,
              unit: 'W',
              unitCode: UNIT.watt,
              derived: true,
            },
          ]
    return { protocol: 's0', device, registers: [energy, ...derived], texts: [], flags: [] }
  }

  #powerMilliwatts(monotonicMs: number): bigint | undefined {
    if (this.#lastStartMs === undefined || this.#intervalMs === undefined) return undefined
    const sinceMs = monotonicMs - this.#lastStartMs
    if (sinceMs > S0_POWER_AGE_MS_MAX) return undefined
    const intervalMs = Math.max(this.#intervalMs, sinceMs)
    // P = 3,600,000 / (pulses a kWh × seconds), here in mW and milliseconds.
    return BigInt(Math.round(3.6e12 / (this.#options.pulsesPerKwh * intervalMs)))
  }
}
