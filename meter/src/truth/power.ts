import type { TruthFinding } from './finding.ts'
import type { TruthLimits } from './limits.ts'
import { TRUTH_WITNESSES_MIN } from './limits.ts'
import type { Value, Values } from './values.ts'
import { valueAt } from './values.ts'

const POWER = '1-0:16.7.0*255'
const PHASES = [1, 2, 3] as const
/** Phases follow the totals in value group C by steps of 20. */
const PHASE_STEP = 20
/** Below this voltage a phase is not connected. */
const CONNECTED_V = 1

type Phase = (typeof PHASES)[number]

/** What the momentary values of one reading say about each other. */
export class PowerWatch {
  readonly #limits: TruthLimits
  /** Readings in a row that did not add up, by kind. */
  readonly #witnesses = { power: 0, phase: 0 }

  constructor(limits: TruthLimits) {
    this.#limits = limits
  }

  check(values: Values): readonly TruthFinding[] {
    const { powerW } = this.#limits
    const total = valueAt(values, POWER)
    const beyond: readonly TruthFinding[] =
      total !== undefined && Math.abs(total.value) > powerW
        ? [
            {
              flag: 'power-doubt',
              what: `${POWER}: ${total.value} W, expected at most ${powerW} W`,
            },
          ]
        : []
    return [
      ...this.#grid(values),
      ...beyond,
      ...this.#witness('power', this.#apparent(values)),
      ...this.#witness('phase', this.#sum(values, total)),
    ]
  }

  /** One contradiction may be two moments of measurement; several in a row are none. */
  #witness(kind: 'power' | 'phase', finding: TruthFinding | undefined): readonly TruthFinding[] {
    this.#witnesses[kind] = finding === undefined ? 0 : this.#witnesses[kind] + 1
    return finding !== undefined && this.#witnesses[kind] >= TRUTH_WITNESSES_MIN ? [finding] : []
  }

  #grid(values: Values): readonly TruthFinding[] {
    const checks = [
      ...PHASES.map((phase) => [code(12, phase), this.#limits.voltage, 'V'] as const),
      ['1-0:14.7.0*255', this.#limits.frequency, 'Hz'] as const,
    ]
    return checks.flatMap(([obis, [least, most], unit]) => {
      const found = valueAt(values, obis)?.value
      if (found === undefined || found < CONNECTED_V) return []
      if (found >= least && found <= most) return []
      const what = `${obis}: ${found} ${unit}, expected ${least} to ${most} ${unit}`
      return [{ flag: 'grid-doubt', what } as const]
    })
  }

  /** Power of a phase is voltage times current times power factor, and never more than without. */
  #apparent(values: Values): TruthFinding | undefined {
    const { share, watts } = this.#limits
    for (const phase of PHASES) {
      const [power, volts, amperes] = [
        phasePower(values, phase),
        valueAt(values, code(12, phase)),
        valueAt(values, code(11, phase)),
      ]
      if (power === undefined || volts === undefined || amperes === undefined) continue
      const apparent = volts.value * Math.abs(amperes.value)
      const steps = power.step + volts.step * Math.abs(amperes.value) + amperes.step * volts.value
      const allowed = share * apparent + steps + watts
      const amount = Math.abs(power.value)
      const factor = valueAt(values, code(13, phase))
      const expected = factor === undefined ? undefined : apparent * Math.abs(factor.value)
      const most = expected ?? apparent
      const slack = allowed + (factor === undefined ? 0 : factor.step * apparent + share * apparent)
      if (amount > most + slack || (expected !== undefined && amount < expected - slack)) {
        const what = `L${phase}: ${power.value} W at ${volts.value} V and ${amperes.value} A, expected ${expected === undefined ? 'at most' : 'about'} ${most.toFixed(0)} W`
        return { flag: 'power-doubt', what }
      }
    }
    return undefined
  }

  #sum(values: Values, total: Value | undefined): TruthFinding | undefined {
    if (total === undefined) return undefined
    let [sum, step, phases] = [0, total.step, 0]
    let largest = Math.abs(total.value)
    for (const phase of PHASES) {
      const power = phasePower(values, phase)
      if (power === undefined) continue
      phases++
      sum += power.value
      step += power.step
      largest = Math.max(largest, Math.abs(power.value))
    }
    // A meter that shows two of three phases shows no sum.
    if (phases !== 1 && phases !== PHASES.length) return undefined
    const { share, watts } = this.#limits
    if (Math.abs(sum - total.value) <= share * largest + step + watts) return undefined
    // One phase of three may be all that a meter shows of the others' total.
    if (phases === 1) return undefined
    return {
      flag: 'phase-doubt',
      what: `${POWER}: ${total.value} W, phases add up to ${sum.toFixed(1)} W`,
    }
  }
}

/** Net power of a phase: as sent, or import less export, or signed under the code of import. */
function phasePower(values: Values, phase: Phase): Value | undefined {
  const net = valueAt(values, code(16, phase))
  if (net !== undefined) return net
  const [bought, sold] = [valueAt(values, code(1, phase)), valueAt(values, code(2, phase))]
  if (bought === undefined || sold === undefined) return bought
  return { value: bought.value - sold.value, step: bought.step + sold.step }
}

function code(quantity: number, phase: Phase): string {
  return `1-0:${quantity + PHASE_STEP * phase}.7.0*255`
}
