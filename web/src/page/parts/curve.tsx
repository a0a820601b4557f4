import type { VNode } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import type uPlot from 'uplot'
import type { Curve } from '../logic/series.ts'
import { paintStore } from '../prefs.ts'
import { useStore } from '../store.ts'
import { wordsStore } from '../texts/index.ts'
import { listenForGestures } from './gestures.ts'
import type { Edges } from './gestures.ts'
import { areaFill, colourOf, letterScale, signedStroke } from './paint.ts'

/** What a curve is drawn from. */
export interface CurveProps {
  readonly curve: Curve
  /** A second bar at each time, below zero: what was fed in beside what was drawn. */
  readonly below?: readonly (number | null)[] | undefined
  /** Seconds since 1970 of both edges; the data's own where absent. */
  readonly edges?: Edges | undefined
  /** What the curve shows, for who cannot see it. */
  readonly label: string
  /** What stands there while there are no values. */
  readonly empty?: string
  /** A line through the values, or a bar for each. */
  readonly kind?: 'line' | 'bars'
  readonly value: (value: number) => string
  /** The same, shorter, for the axis. */
  readonly axisValue?: (value: number) => string
  readonly time: (seconds: number) => string
  /** Hears which part the reader wants to see; undefined for all. Without it there is no zoom. */
  readonly onZoom?: (edges: Edges | undefined) => void
}

/**
 * A curve over time: above zero in the colour of drawing, below it in that of feeding in; gaps are
 * gaps; the value under the cursor is told beside it.
 */
export function CurvePlot(props: CurveProps): VNode {
  const host = useRef<HTMLDivElement>(null)
  const tip = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | undefined>(undefined)
  const latest = useRef(props)
  latest.current = props
  const paint = useStore(paintStore, (count) => count)
  const { language } = useStore(wordsStore, (words) => words)

  useEffect(() => {
    const element = host.current
    if (element === null) return undefined
    let gone = false
    let end: (() => void) | undefined
    // A third of the page's weight: numbers and words do not wait for it.
    void import('uplot').then(({ default: UPlot }) => {
      if (gone) return
      const created = new UPlot(options(element, latest, tip, UPlot), data(latest.current), element)
      plot.current = created
      end = attend(created, element, latest)
    })
    return () => {
      gone = true
      end?.()
      plot.current = undefined
    }
  }, [paint, language, props.kind])

  useEffect(() => {
    plot.current?.setData(data(props))
  }, [props.curve, props.below, props.edges?.[0], props.edges?.[1]])

  return (
    <div class="curve">
      <div class="curve-host" ref={host} role="group" tabIndex={0} aria-label={props.label} />
      <div class="curve-tip" ref={tip} role="status" hidden />
      {props.empty !== undefined && isEmpty(props) && <p class="curve-empty">{props.empty}</p>}
    </div>
  )
}

/** Whether nothing can be seen: a line needs two values, a bar one. */
function isEmpty({ curve, kind }: CurveProps): boolean {
  const seen = curve.values.filter((value) => value !== null).length
  return seen < (kind === 'bars' ? 1 : 2)
}

/** Keeps a plot as large as its place, and listens to its reader; ends both and the plot. */
function attend(plot: uPlot, element: HTMLElement, latest: { current: CurveProps }): () => void {
  const observer = new ResizeObserver(() => {
    plot.setSize(sizeOf(element))
  })
  observer.observe(element)
  const deaf = listenForGestures(plot, element, {
    edges: () => latest.current.edges,
    zoom: (edges) => latest.current.onZoom?.(edges),
  })
  return () => {
    deaf()
    observer.disconnect()
    plot.destroy()
  }
}

function data({ curve, below }: CurveProps): uPlot.AlignedData {
  return [[...curve.seconds], [...curve.values], below === undefined ? [] : [...below]]
}

function sizeOf(element: HTMLElement): { width: number; height: number } {
  return { width: Math.max(40, element.clientWidth), height: Math.max(40, element.clientHeight) }
}

function options(
  element: HTMLElement,
  latest: { current: CurveProps },
  tip: { current: HTMLDivElement | null },
  plots: typeof uPlot,
): uPlot.Options {
  const { kind = 'line' } = latest.current
  const muted = colourOf(element, '--muted')
  const line = colourOf(element, '--line')
  const scale = letterScale()
  const font = `${12 * scale}px ${getComputedStyle(element).fontFamily}`
  const axis = { stroke: muted, font, ticks: { show: false }, grid: { stroke: line, width: 1 } }
  const bars = plots.paths.bars?.({ size: [0.7, 48, 2], radius: 0.15 })
  const drawn: uPlot.Series = {
    width: kind === 'bars' ? 0 : 2,
    stroke: (plot) => signedStroke(plot, element),
    fill: (plot) => areaFill(plot, element, kind === 'bars' ? 1 : 0.16),
    points: { show: false },
    spanGaps: false,
    ...(kind === 'bars' && bars !== undefined && { paths: bars }),
  }
  return {
    ...sizeOf(element),
    padding: [10, 28 * scale, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      drag: { x: latest.current.onZoom !== undefined, y: false, setScale: false },
      points: { size: 8 },
      bind: { dblclick: () => () => (latest.current.onZoom?.(undefined), null) },
    },
    scales: {
      x: { range: (_plot, low, high) => [...(latest.current.edges ?? [low, high])] },
      y: { range: (_plot, low, high) => yRange(low, high) },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        space: 80 * scale,
        size: 30 * scale,
        incrs: TIME_STEPS,
        values: timeLabels,
      },
      {
        ...axis,
        size: labelWidth,
        space: 34 * scale,
        values: (plot, splits) => valueLabels(plot, splits, latest.current),
      },
    ],
    series: [{}, drawn, drawn],
    hooks: {
      setSelect: [
        (plot) => {
          const { left, width } = plot.select
          if (width < 4) return
          const [from, to] = [plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x')]
          latest.current.onZoom?.([from, to])
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
        },
      ],
      setCursor: [
        (plot) => {
          showTip(plot, tip.current, latest.current)
        },
      ],
    },
  }
}

/** Always with zero in it, and never so narrow that noise looks like news. */
function yRange(low: number | null, high: number | null): [number, number] {
  const [bottom, top] = [Math.min(0, low ?? 0), Math.max(0, high ?? 0)]
  const span = Math.max(top - bottom, 1)
  return [bottom < 0 ? bottom - span * 0.08 : 0, top > 0 ? top + span * 0.1 : span * 0.1]
}

/** Labels of the values; a curve without any has none to show. */
function valueLabels(_plot: uPlot, splits: number[], props: CurveProps): string[] {
  const empty = props.curve.values.every((value) => value === null)
  return splits.map((value) => (empty ? '' : (props.axisValue ?? props.value)(value)))
}

const [MINUTE, HOUR, DAY] = [60, 3600, 86_400]

/** Steps of the time axis in seconds; labels say minutes, so that no step is shorter. */
const TIME_STEPS = [
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE),
  ...[1, 2, 3, 6, 12].map((hours) => hours * HOUR),
  ...[1, 2, 7, 14, 30, 61, 183].map((days) => days * DAY),
]

/** Room for the longest label beside the curve. */
function labelWidth(_plot: uPlot, labels: string[] | null): number {
  const longest = Math.max(3, ...(labels ?? []).map((label) => label.length))
  return Math.ceil(longest * 6.7 * letterScale()) + 14
}

function timeLabels(plot: uPlot, splits: number[]): string[] {
  const { f } = wordsStore.get()
  const span = (plot.scales.x?.max ?? 0) - (plot.scales.x?.min ?? 0)
  return splits.map((second) => {
    if (span <= 36 * 3600) return f.shortClock(second * 1000)
    return span <= 70 * 86_400 ? f.shortDate(second * 1000) : f.month(second * 1000)
  })
}

function showTip(plot: uPlot, tip: HTMLDivElement | null, props: CurveProps): void {
  if (tip === null) return
  const index = plot.cursor.idx
  const [seconds, values] = plot.data
  const value = index === null || index === undefined ? null : (values?.[index] ?? null)
  const second = index === null || index === undefined ? undefined : seconds[index]
  tip.hidden = value === null || second === undefined || (plot.cursor.left ?? -1) < 0
  if (value === null || second === undefined) return
  const fed = props.below?.[index ?? 0] ?? 0
  const both = fed === 0 ? props.value(value) : `${props.value(value)} / ${props.value(fed)}`
  tip.textContent = `${both} · ${props.time(second)}`
  const left = (plot.cursor.left ?? 0) + plot.bbox.left / devicePixelRatio
  const room = plot.width - tip.offsetWidth - 4
  tip.style.transform = `translateX(${Math.max(0, Math.min(room, left - tip.offsetWidth / 2))}px)`
}
