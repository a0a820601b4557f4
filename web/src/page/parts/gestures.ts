import type uPlot from 'uplot'

/** Seconds since 1970 of both edges of a curve. */
export type Edges = readonly [number, number]

/** What gestures on a curve work on. */
export interface GestureTarget {
  /** What is shown now. */
  readonly edges: () => Edges | undefined
  /** Shows another part; undefined shows all again. */
  readonly zoom: (edges: Edges | undefined) => void
}

/** Nobody looks closer than this. */
const SPAN_SECONDS_MIN = 10

/** One turn of a wheel or press of a key. */
const STEP = 1.4

/**
 * Pinching, the wheel with Ctrl (which is how trackpads pinch), and keys: arrows move the cursor, plus
 * and minus zoom, Escape shows all again. One finger reads values, and still scrolls the page.
 */
export function listenForGestures(
  plot: uPlot,
  host: HTMLElement,
  target: GestureTarget,
): () => void {
  const over = new AbortController()
  const options = { signal: over.signal }
  listenForFingers(plot, target, options)
  plot.over.addEventListener(
    'wheel',
    (event) => {
      const edges = target.edges()
      if (!event.ctrlKey || edges === undefined) return
      event.preventDefault()
      const share = event.offsetX / Math.max(1, plot.over.clientWidth)
      target.zoom(scaled(edges, event.deltaY > 0 ? STEP : 1 / STEP, share))
    },
    { ...options, passive: false },
  )
  host.addEventListener(
    'keydown',
    (event) => {
      if (useKey(event.key, plot, target)) event.preventDefault()
    },
    options,
  )
  return () => {
    over.abort()
  }
}

function listenForFingers(
  plot: uPlot,
  target: GestureTarget,
  options: { readonly signal: AbortSignal },
): void {
  const fingers = new Map<number, number>()
  let start: { readonly edges: Edges; readonly apart: number; readonly share: number } | undefined
  const across = (event: PointerEvent): number =>
    event.clientX - plot.over.getBoundingClientRect().left
  const apart = (): number => {
    const [one = 0, two = 0] = [...fingers.values()]
    return Math.max(20, Math.abs(one - two))
  }
  const down = (event: PointerEvent): void => {
    if (event.pointerType !== 'touch') return
    fingers.set(event.pointerId, across(event))
    const edges = target.edges()
    const [one = 0, two = 0] = [...fingers.values()]
    const share = (one + two) / 2 / Math.max(1, plot.over.clientWidth)
    start = fingers.size === 2 && edges !== undefined ? { edges, apart: apart(), share } : undefined
    plot.setCursor({ left: across(event), top: 0 })
  }
  const move = (event: PointerEvent): void => {
    if (!fingers.has(event.pointerId)) return
    fingers.set(event.pointerId, across(event))
    if (start === undefined) plot.setCursor({ left: across(event), top: 0 })
    else target.zoom(scaled(start.edges, start.apart / apart(), start.share))
  }
  const up = (event: PointerEvent): void => {
    fingers.delete(event.pointerId)
    start = undefined
  }
  plot.over.addEventListener('pointerdown', down, options)
  plot.over.addEventListener('pointermove', move, options)
  for (const type of ['pointerup', 'pointercancel', 'pointerleave'] as const)
    plot.over.addEventListener(type, up, options)
}

/** Does what a key stands for; false for one that means nothing here. */
function useKey(key: string, plot: uPlot, target: GestureTarget): boolean {
  const edges = target.edges()
  const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20 }[key]
  if (by !== undefined) {
    moveCursor(plot, by)
    return true
  }
  if (key === 'Escape' || key === '0') {
    target.zoom(undefined)
    return true
  }
  const factor = { '+': 1 / STEP, '=': 1 / STEP, '-': STEP }[key]
  if (factor === undefined || edges === undefined) return false
  target.zoom(scaled(edges, factor, (plot.cursor.left ?? 0) / Math.max(1, plot.over.clientWidth)))
  return true
}

/** To the next point that has a value, on the screen. */
function moveCursor(plot: uPlot, by: number): void {
  const [seconds, values = []] = plot.data
  const [min, max] = [plot.scales.x?.min ?? 0, plot.scales.x?.max ?? 0]
  const known = [...seconds.keys()].filter((index) => {
    const second = seconds[index] ?? 0
    return values[index] !== null && second >= min && second <= max
  })
  const here = known.findIndex((index) => index >= (plot.cursor.idx ?? Infinity))
  const next = (here < 0 ? known.length : here) + by
  const index = known[Math.max(0, Math.min(known.length - 1, next))]
  if (index === undefined) return
  plot.setCursor({ left: plot.valToPos(seconds[index] ?? 0, 'x'), top: 0 })
}

/** Edges drawn apart by `factor` around the place that is `share` of the way between them. */
function scaled([from, to]: Edges, factor: number, share: number): Edges {
  const span = Math.max(SPAN_SECONDS_MIN, (to - from) * factor)
  const still = from + (to - from) * share
  return [still - span * share, still + span * (1 - share)]
}
