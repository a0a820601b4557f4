import type { FaultName } from './faults.ts'
import { FAULTS, FAULT_OF } from './faults.ts'
import type { Figures } from './measure.ts'
import { quantile } from './statistics.ts'
import type { Variant } from './variants.ts'
import { DESCRIPTIONS } from './variants.ts'

/** Time in which the native single path is to be on a better path. */
const BETTER_MS_MAX = 3000
/** What single path and redundant sending are meant to keep within on a silent cut. */
const SINGLE_SLACK_MS = 20
/** Two readings' distance and the noise of timers: no gap that anyone can see. */
const NO_GAP_MS = 40

/** What the figures say, good and bad, in sentences. */
export function findings(figures: readonly Figures[]): readonly string[] {
  const of = (variant: Variant): Figures | undefined =>
    figures.find((one) => one.variant === variant)
  const [single, redundant, gateway] = [of('single'), of('redundant'), of('gateway')]
  return [
    ...(single === undefined ? [] : [singleTarget(single)]),
    ...(redundant === undefined ? [] : [redundantTarget(redundant)]),
    ...(single === undefined ? [] : [betterTarget(single)]),
    ...FAULTS.map((name) => shortest(figures, name)),
    moving(figures),
    ...(single === undefined || gateway === undefined ? [] : beside(single, gateway)),
  ]
}

function singleTarget(single: Figures): string {
  const trials = single.trials.silent
  const budgetMs =
    2 *
      quantile(
        trials.map((one) => one.roundTripMs),
        0.5,
      ) +
    SINGLE_SLACK_MS
  const gaps = trials.map((one) => one.gapMs)
  const within = gaps.filter((ms) => ms <= budgetMs).length
  const verdict = quantile(gaps, 0.5) <= budgetMs ? 'met by the median' : 'MISSED by the median'
  return `Aim: on a silent cut, a gap of at most two round trips and ${SINGLE_SLACK_MS} ms over a single path, here ${ms(budgetMs)}. It was ${ms(quantile(gaps, 0.5))}: ${verdict}, in ${within} of ${gaps.length} rounds.`
}

function redundantTarget(redundant: Figures): string {
  const gaps = redundant.trials.silent.map((one) => one.gapMs)
  const lost = redundant.trials.silent.reduce((sum, one) => sum + one.lost, 0)
  const verdict = lost === 0 && quantile(gaps, 0.5) <= NO_GAP_MS ? 'met' : 'MISSED'
  return `Aim: no gap with redundant sending. On a silent cut ${lost} readings were lost in all rounds together, and the longest silence was ${ms(quantile(gaps, 0.5))}: ${verdict}.`
}

function betterTarget(single: Figures): string {
  // A round that never moved counts as one that took for ever.
  const movedMs = single.trials.better.map((one) => one.movedMs ?? Infinity)
  const median = quantile(movedMs, 0.5)
  const verdict = median <= BETTER_MS_MAX ? 'met by the median' : 'MISSED by the median'
  return `Aim: over to a better path within ${ms(BETTER_MS_MAX)}. It took ${ms(median)}, ${ms(Math.max(...movedMs))} at most: ${verdict}.`
}

function shortest(figures: readonly Figures[], name: FaultName): string {
  const ranked = figures
    .map((one) => {
      const trials = one.trials[name]
      const gaps = trials.map((trial) => trial.gapMs)
      const endless = trials.filter((trial) => trial.silentAtEnd).length * 2 > trials.length
      return { title: DESCRIPTIONS[one.variant].title, endless, gapMs: quantile(gaps, 0.5) }
    })
    .sort((a, b) => a.gapMs - b.gapMs)
    .map(
      ({ title, endless, gapMs }) =>
        `${title} ${endless ? 'to the end (≥ ' : ''}${ms(gapMs)}${endless ? ')' : ''}`,
    )
  return `${capital(FAULT_OF[name].title)}, silence from the shortest: ${ranked.join(', ')}.`
}

function moving(figures: readonly Figures[]): string {
  const parts = figures.map((one) => {
    const trials = one.trials.better
    const moved = trials.flatMap(({ movedMs }) => (movedMs === undefined ? [] : [movedMs]))
    const title = DESCRIPTIONS[one.variant].title
    if (moved.length === 0) return `${title} never`
    return `${title} after ${ms(quantile(moved, 0.5))} (${moved.length} of ${trials.length} rounds)`
  })
  const seconds = FAULT_OF.better.windowMs / 1000
  return `Within ${seconds} s of a better path’s appearing, readings went over it: ${parts.join(', ')}.`
}

function capital(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1)
}

function beside(single: Figures, gateway: Figures): readonly string[] {
  const compare = (what: string, pick: (one: Figures) => readonly number[]): string => {
    const [a, b] = [quantile(pick(single), 0.5), quantile(pick(gateway), 0.5)]
    const factor = a <= b ? `${(b / a).toFixed(1)} times less` : `${(a / b).toFixed(1)} times more`
    return `${what}: ${factor} than with the gateway`
  }
  return [
    `The native single path needs, by the median: ${[
      compare('round trip', (one) => one.echoesMs),
      compare('bytes', (one) => one.wireBytes),
      compare('time to the first acknowledged reading', (one) => one.startMs),
      compare('processor time', (one) => one.cpuMicros),
    ].join('; ')}.`,
  ]
}

function ms(value: number): string {
  return `${value.toFixed(0)} ms`
}
