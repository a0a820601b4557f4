import type { FaultName } from './faults.ts'
import { FAULTS, FAULT_OF } from './faults.ts'
import type { Figures } from './measure.ts'
import { quantile } from './statistics.ts'
import type { Variant } from './variants.ts'
import { DESCRIPTIONS } from './variants.ts'

const WIDTH = 800
const LEFT = 60
const RIGHT = 775
const TOP = 56
const BOTTOM = 300
/** Round trips drawn of one variant; more would only make the file large. */
const DOTS_EACH = 350

/** Told apart also by those who see no red or green (after Okabe and Ito). */
const COLOURS: Readonly<Record<Variant, string>> = {
  single: '#0072b2',
  redundant: '#009e73',
  gateway: '#d55e00',
  fixed: '#777777',
  passive: '#cc79a7',
}

/** Draws a value onto one axis. */
type Scale = (value: number) => number

/** Every repetition's longest silence at the receiver by fault, with medians, on a log scale. */
export function gapPlot(figures: readonly Figures[]): string {
  const y = logScale(8, 8000)
  const columnWidth = (RIGHT - LEFT) / FAULTS.length
  const marks = FAULTS.flatMap((fault, column) => {
    const middle = LEFT + columnWidth * (column + 0.5)
    const label = text(middle, BOTTOM + 18, FAULT_OF[fault].title, 'middle')
    return [
      label,
      ...figures.flatMap((one, index) => {
        const x = middle + (index - (figures.length - 1) / 2) * 24
        return gapMarks(one, fault, x, y)
      }),
    ]
  })
  const axis = yAxis(y, [10, 30, 100, 300, 1000, 3000], 'ms')
  return picture('Longest silence at the head-end, milliseconds', figures, [...axis, ...marks])
}

function gapMarks(one: Figures, fault: FaultName, x: number, y: Scale): readonly string[] {
  const gaps = one.trials[fault].map((trial) => trial.gapMs)
  const colour = COLOURS[one.variant]
  const dots = gaps.map((ms) => circle(x, y(ms), 3, colour))
  const at = y(quantile(gaps, 0.5))
  return [
    ...dots,
    line(
      [
        [x - 9, at],
        [x + 9, at],
      ],
      colour,
      2.5,
    ),
  ]
}

/** The share of echoes that came back within a time. */
export function echoPlot(figures: readonly Figures[]): string {
  const [shortMs, longMs] = [0.3, 30]
  const x = logScale(shortMs, longMs, LEFT, RIGHT)
  const y: Scale = (share) => BOTTOM - share * (BOTTOM - TOP)
  const ticks = [0.3, 1, 3, 10, 30].flatMap((ms) => [
    text(x(ms), BOTTOM + 18, `${ms} ms`, 'middle'),
    line(
      [
        [x(ms), TOP],
        [x(ms), BOTTOM],
      ],
      '#dddddd',
      1,
    ),
  ])
  const curves = figures.map((one) => {
    const sorted = one.echoesMs.filter(Number.isFinite).sort((a, b) => a - b)
    const points = Array.from({ length: 101 }, (_, percent): readonly [number, number] => [
      x(Math.min(longMs, Math.max(shortMs, quantile(sorted, percent / 100)))),
      y(percent / 100),
    ])
    return line(points, COLOURS[one.variant], 2)
  })
  const axis = yAxis((share) => y(share / 100), [0, 25, 50, 75, 100], '%')
  return picture('Share of 300-byte echoes back within a time', figures, [
    ...axis,
    ...ticks,
    ...curves,
  ])
}

/** The round trips around a fault in the first round, over time. */
export function roundTripPlot(figures: readonly Figures[], fault: FaultName): string {
  const [fromMs, toMs] = [-600, FAULT_OF[fault].windowMs]
  const x: Scale = (ms) => LEFT + ((ms - fromMs) / (toMs - fromMs)) * (RIGHT - LEFT)
  const y = logScale(10, 1000)
  const ticks = Array.from({ length: Math.floor(toMs / 1000) + 1 }, (_, second) => [
    text(x(second * 1000), BOTTOM + 18, `${second} s`, 'middle'),
    line(
      [
        [x(second * 1000), TOP],
        [x(second * 1000), BOTTOM],
      ],
      second === 0 ? '#000000' : '#dddddd',
      1,
    ),
  ]).flat()
  const dots = figures.flatMap((one) =>
    (one.trials[fault][0]?.trips ?? [])
      .filter(([atMs]) => atMs >= fromMs && atMs <= toMs)
      .filter((_, index, all) => index % Math.ceil(all.length / DOTS_EACH) === 0)
      .map(([atMs, ms]) => circle(x(atMs), y(ms), 1.2, COLOURS[one.variant])),
  )
  const axis = yAxis(y, [10, 30, 100, 300, 1000], 'ms')
  const title = `Round trip of each acknowledged reading; at 0 s: ${FAULT_OF[fault].title}`
  return picture(title, figures, [...axis, ...ticks, ...dots])
}

function logScale(low: number, high: number, from = BOTTOM, to = TOP): Scale {
  return (value) => {
    const within = Math.min(high, Math.max(low, value))
    return from + (Math.log(within / low) / Math.log(high / low)) * (to - from)
  }
}

function yAxis(y: Scale, values: readonly number[], unit: string): readonly string[] {
  return values.flatMap((value) => [
    line(
      [
        [LEFT, y(value)],
        [RIGHT, y(value)],
      ],
      '#dddddd',
      1,
    ),
    text(LEFT - 6, y(value) + 4, `${value} ${unit}`, 'end'),
  ])
}

function picture(title: string, figures: readonly Figures[], marks: readonly string[]): string {
  const legend = figures.flatMap(({ variant }, index) => [
    circle(LEFT + 8 + index * 152, 40, 5, COLOURS[variant]),
    text(LEFT + 18 + index * 152, 44, DESCRIPTIONS[variant].title, 'start'),
  ])
  const head = `<text x="${LEFT}" y="22" font-size="15" font-weight="bold">${title}</text>`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} 330" font-family="sans-serif" font-size="12" role="img" aria-label="${title}">
<rect width="${WIDTH}" height="330" fill="#ffffff"/>
${[head, ...legend, ...marks].join('\n')}
</svg>
`
}

function text(x: number, y: number, words: string, anchor: string): string {
  return `<text x="${short(x)}" y="${short(y)}" text-anchor="${anchor}">${words}</text>`
}

function circle(x: number, y: number, radius: number, colour: string): string {
  return `<circle cx="${short(x)}" cy="${short(y)}" r="${radius}" fill="${colour}" fill-opacity="0.7"/>`
}

function line(
  points: readonly (readonly [number, number])[],
  colour: string,
  width: number,
): string {
  const list = points.map(([x, y]) => `${short(x)},${short(y)}`).join(' ')
  return `<polyline points="${list}" fill="none" stroke="${colour}" stroke-width="${width}"/>`
}

function short(value: number): string {
  return value.toFixed(1)
}
