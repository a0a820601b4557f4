import { parseObis } from '../obis.ts'
import type { Register } from '../reading.ts'
import { UNIT } from '../units.ts'
import type { TruthFinding } from './finding.ts'
import type { TruthLimits } from './limits.ts'
import {
  TRUTH_PAUSE_MS_MAX,
  TRUTH_REGISTERS_MAX,
  TRUTH_WINDOW_MS,
  TRUTH_WITNESSES_MIN,
} from './limits.ts'
import type { Value, Values } from './values.ts'
import { difference, valueAt } from './values.ts'

const IMPORT = '1-0:1.8.0*255'
const EXPORT = '1-0:2.8.0*255'
const POWER = '1-0:16.7.0*255'
const HOUR_MS = 3_600_000
/** Tariffs of a household's meter; those of Hungary have four. */
const TARIFFS = 4
/** Joules, litres, cubic metres: quantities whose jumps are not known from a connection. */
const HOUR_UNITS: readonly number[] = [UNIT.wattHour, UNIT.reactiveHour, UNIT.voltAmpereHour]

/** A span without pauses over which power is integrated. */
interface Window {
  readonly sinceMs: number
  readonly imported: Register
  readonly exported: Register | undefined
  atMs: number
  powerW: number
  /** Integral of power, and how far it can be off because power changed in between, in Wh. */
  wattHours: number
  uncertainWh: number
  amountWh: number
}

/** What the energy registers of one meter say over time. */
export class EnergyWatch {
  readonly #limits: TruthLimits
  readonly #last = new Map<string, { readonly register: Register; readonly atMs: number }>()
  #window: Window | undefined
  /** Sign of the net power in the last reading, and contradictions of energy to it in a row. */
  #sign = 0
  #contradictions = 0

  constructor(limits: TruthLimits) {
    this.#limits = limits
  }

  /** Compares a reading with those before it; `atMs` is monotonic. */
  check(values: Values, atMs: number): readonly TruthFinding[] {
    const findings: TruthFinding[] = []
    const moved = { imported: 0, exported: 0 }
    for (const register of values.values()) {
      if (!isCounter(register.obis) || register.derived === true) continue
      const before = this.#last.get(register.obis)
      if (before !== undefined) {
        const delta = difference(register, before.register)
        if (register.obis === IMPORT) moved.imported = delta
        if (register.obis === EXPORT) moved.exported = delta
        const finding = this.#step(register, delta, atMs - before.atMs)
        if (finding !== undefined) findings.push(finding)
      }
      if (before !== undefined || this.#last.size < TRUTH_REGISTERS_MAX) {
        this.#last.set(register.obis, { register, atMs })
      }
    }
    const power = valueAt(values, POWER)
    const direction = this.#direction(moved, power)
    if (direction !== undefined) findings.push(direction)
    const drift = this.#integrate(values, power, atMs, findings.length > 0)
    if (drift !== undefined) findings.push(drift)
    return findings
  }

  #step(register: Register, delta: number, tookMs: number): TruthFinding | undefined {
    const { obis, unit, unitCode, scaler } = register
    if (delta < 0) {
      return { flag: 'register-went-back', what: `${obis}: ${-delta} ${unit} less than before` }
    }
    if (!HOUR_UNITS.includes(unitCode)) return undefined
    const most = (this.#limits.powerW * Math.max(tookMs, 1_000)) / HOUR_MS + 2 * 10 ** scaler
    if (delta <= most) return undefined
    const what = `${obis}: ${delta} ${unit} in ${tookMs} ms, expected at most ${most.toFixed(3)}`
    return { flag: 'register-jumped', what }
  }

  /** Which of import and export moved tells the direction in between. */
  #direction(
    moved: { readonly imported: number; readonly exported: number },
    power: Value | undefined,
  ): TruthFinding | undefined {
    const sign = power === undefined ? 0 : Math.sign(power.value)
    const steady = sign !== 0 && sign === this.#sign
    this.#sign = sign
    const energySign = Math.sign(moved.imported) - Math.sign(moved.exported)
    if (energySign !== 0 && steady) {
      this.#contradictions = energySign === sign ? 0 : this.#contradictions + 1
    }
    if (this.#contradictions < TRUTH_WITNESSES_MIN) return undefined
    const way = energySign > 0 || sign < 0 ? 'import' : 'export'
    return { flag: 'sign-contradicts-energy', what: `${POWER}: expected ${way} as energy moves` }
  }

  /** Adds a reading to the window; at its end the two ways to know the energy are compared. */
  #integrate(
    values: Values,
    power: Value | undefined,
    atMs: number,
    broken: boolean,
  ): TruthFinding | undefined {
    const window = this.#window
    const tookMs = window === undefined ? 0 : atMs - window.atMs
    const fresh = beginning(values, power, atMs)
    if (power === undefined || broken) {
      this.#window = undefined
      return undefined
    }
    if (window === undefined || tookMs > TRUTH_PAUSE_MS_MAX || tookMs <= 0) {
      this.#window = fresh
      return undefined
    }
    const hours = tookMs / HOUR_MS
    const mean = (window.powerW + power.value) / 2
    window.wattHours += mean * hours
    window.amountWh += ((Math.abs(window.powerW) + Math.abs(power.value)) / 2) * hours
    // Whenever power changed between the two, the true integral lies between the extremes.
    window.uncertainWh += (Math.abs(power.value - window.powerW) / 2 + power.step) * hours
    window.atMs = atMs
    window.powerW = power.value
    // Many meters tell their energy once an hour, and power all the time.
    if (fresh === undefined || atMs - window.sinceMs < TRUTH_WINDOW_MS) return undefined
    this.#window = fresh
    return this.#compare(window, fresh)
  }

  #compare(window: Window, { imported, exported }: Window): TruthFinding | undefined {
    const sold =
      exported === undefined || window.exported === undefined
        ? 0
        : difference(exported, window.exported)
    // A meter without a register for export counts import alone.
    if (exported === undefined && window.wattHours <= 0) return undefined
    const net = difference(imported, window.imported) - sold
    const { share, watts } = this.#limits
    const hours = (window.atMs - window.sinceMs) / HOUR_MS
    const steps = 2 * 10 ** imported.scaler + 2 * 10 ** (exported?.scaler ?? imported.scaler)
    const allowed =
      2 * share * window.amountWh + window.uncertainWh + steps + Math.max(1, watts * hours)
    if (Math.abs(net - window.wattHours) <= allowed) return undefined
    const other = scaleBetween(net, window.wattHours)
    const what = `energy moved by ${net.toFixed(1)} Wh, power says ${window.wattHours.toFixed(1)} Wh, expected within ${allowed.toFixed(1)} Wh${other}`
    return { flag: 'energy-doubt', what }
  }
}

/** A window that begins with a reading; undefined where it does not say all that is wanted. */
function beginning(values: Values, power: Value | undefined, atMs: number): Window | undefined {
  const imported = totalOf(values, IMPORT)
  if (power === undefined || imported === undefined) return undefined
  const sums = { wattHours: 0, uncertainWh: 0, amountWh: 0 }
  const exported = totalOf(values, EXPORT)
  return { sinceMs: atMs, imported, exported, atMs, powerW: power.value, ...sums }
}

/** What a factor of ten between both would mean: the scale that was assumed is another. */
function scaleBetween(energyWh: number, powerWh: number): string {
  const factor = powerWh === 0 ? 0 : energyWh / powerWh
  const ten = factor > 1 ? 10 : 0.1
  return Math.abs(factor / ten - 1) < SCALE_SHARE
    ? `: ${ten} times as much, as of another scale`
    : ''
}

/** Share by which energy and power may differ that differ by a power of ten. */
const SCALE_SHARE = 0.1

/** An energy over all tariffs: as sent, or the sum of the tariffs where the meter sends those alone. */
function totalOf(values: Values, obis: string): Register | undefined {
  const sent = values.get(obis)
  if (sent !== undefined) return sent
  let sum: Register | undefined
  for (let tariff = 1; tariff <= TARIFFS; tariff++) {
    const one = values.get(obis.replace('.8.0*', `.8.${tariff}*`))
    if (one === undefined) continue
    if (sum !== undefined && sum.scaler !== one.scaler) return undefined
    sum = { ...one, obis, digits: one.digits + (sum?.digits ?? 0n) }
  }
  return sum
}

/** Codes whose numbers only ever grow: energies and volumes so far, by tariff, of no past period. */
function isCounter(obis: string): boolean {
  const [a = 0, , c = 0, d = 0, , f = 0] = parseObis(obis) ?? []
  if (f !== 255) return false
  if (a === 0) return c === 24 && d === 2
  // Net energy (16.8) may fall; every other energy is a counter.
  if (a === 1) return d === 8 && (c - 1) % 20 !== 15
  // Heat meters have their own codes 6.8 for energy and 6.26 for volume.
  if (a < 5 || a > 9) return false
  return c === 6 ? d === 8 || d === 26 : c <= 3 && (d === 0 || d === 8)
}
