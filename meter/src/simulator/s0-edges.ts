import { MeterError } from '../errors.ts'
import type { PulseEdge } from '../s0/counter.ts'
import { S0_CONSTANT_MAX } from '../s0/counter.ts'
import type { Household } from './household.ts'
import { hashed } from './random.ts'

/** Which pulses are wanted. */
export interface S0EdgesOptions {
  /** Pulses a kWh, as printed on the meter. */
  readonly pulsesPerKwh: number
  /** Unix milliseconds: pulses of the energy from here … */
  readonly fromMs: number
  /** … up to here. A pulse that begins before is whole, even where it ends later. */
  readonly toMs: number
  /** Length of a pulse; the norm wants 30 ms and more. */
  readonly pulseMs?: number
  /** Longest time for which the contact chatters at each change; 0 for a clean one. */
  readonly bounceMs?: number
}

/** Pulses of one call; beyond it the span is too long. */
export const S0_EDGES_PULSES_MAX = 100_000

const STEP_MS = 1_000
const MILLI_WH_A_KWH = 1_000_000n
const PULSE_MS = 90
/** Changes of a chattering contact. */
const CHATTER = 4

/**
 * The pulses that a meter's S0 output gives for the energy a household takes: one for every
 * 1/constant of a kilowatt-hour, at the moment at which it is full, as edges in order. `monotonicMs`
 * of the edges counts from `fromMs`.
 *
 * @throws {@link MeterError} `range` for a constant or span beyond what a meter could do.
 */
export function s0Edges(household: Household, options: S0EdgesOptions): readonly PulseEdge[] {
  const { pulsesPerKwh, fromMs, toMs, pulseMs = PULSE_MS, bounceMs = 0 } = options
  if (!Number.isInteger(pulsesPerKwh) || pulsesPerKwh < 1 || pulsesPerKwh > S0_CONSTANT_MAX) {
    throw new MeterError(
      'range',
      `pulsesPerKwh: expected 1 to ${S0_CONSTANT_MAX}, found ${pulsesPerKwh}`,
    )
  }
  const pulsesAt = (milliWh: bigint): bigint => (milliWh * BigInt(pulsesPerKwh)) / MILLI_WH_A_KWH
  const edges: PulseEdge[] = []
  let before = household.at(fromMs).importMilliWh
  let count = 0
  for (let at = fromMs; at < toMs; at += STEP_MS) {
    const stepMs = Math.min(STEP_MS, toMs - at)
    const now = household.at(at + stepMs).importMilliWh
    const pulses = Number(pulsesAt(now) - pulsesAt(before))
    for (let pulse = 0; pulse < pulses; pulse++) {
      if (++count > S0_EDGES_PULSES_MAX) {
        throw new MeterError('range', `toMs: expected at most ${S0_EDGES_PULSES_MAX} pulses`)
      }
      // Power is constant within a second: the pulses of a second stand at equal distances.
      const startMs = at - fromMs + (stepMs * (pulse + 0.5)) / pulses
      addPulse(edges, startMs, Math.min(pulseMs, (stepMs / pulses) * 0.5), bounceMs, count)
    }
    before = now
  }
  return edges
}

function addPulse(
  edges: PulseEdge[],
  startMs: number,
  pulseMs: number,
  bounceMs: number,
  seed: number,
): void {
  for (const [active, atMs] of [
    [true, startMs],
    [false, startMs + pulseMs],
  ] as const) {
    edges.push({ active, monotonicMs: atMs })
    if (bounceMs <= 0) continue
    for (let change = 0; change < CHATTER; change++) {
      const share = (change + hashed(seed, change, active ? 1 : 2)) / CHATTER
      edges.push({
        active: change % 2 === 0 ? !active : active,
        monotonicMs: atMs + share * bounceMs,
      })
    }
  }
}
