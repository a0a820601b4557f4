import type { VNode } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { client } from '../client.ts'
import { EXPORT_OBIS, IMPORT_OBIS, subtractDecimals } from '../logic/reading.ts'
import { growthByBar, toCurve } from '../logic/series.ts'
import { barEdges } from '../logic/spans.ts'
import type { Span } from '../logic/spans.ts'
import { pageStore, serverNowMs } from '../session.ts'
import { useStore } from '../store.ts'
import { wordsStore } from '../texts/index.ts'
import type { Curve } from '../logic/series.ts'
import { CurvePlot } from './curve.tsx'

/** How often the bars of the running period are asked for anew. */
const REFRESH_MS = 10_000

/** Bars of energy over a span: drawn upwards, fed in downwards. */
export function EnergyBars(props: { span: Span; back: number }): VNode {
  const { t, f } = useStore(wordsStore, (words) => words)
  const device = useStore(pageStore, (state) => state.selected)
  const [bars, setBars] = useState<Curve>({ seconds: [], values: [] })
  const [edges, setEdges] = useState<readonly [number, number]>()
  useEffect(() => {
    if (device === undefined) return undefined
    let gone = false
    const load = async (): Promise<void> => {
      const nowMs = serverNowMs()
      const all = barEdges(props.span, nowMs, props.back)
      const next = await fetchBars(device, props.span, all, nowMs)
      if (gone || next === undefined) return
      setBars(next)
      setEdges([(all[0] ?? 0) / 1000, (all.at(-1) ?? 0) / 1000])
    }
    void load()
    const timer = setInterval(() => void load(), REFRESH_MS)
    return () => {
      gone = true
      clearInterval(timer)
    }
  }, [device, props.span, props.back])
  const from = (second: number): string =>
    props.span === 'hour' || props.span === 'day'
      ? f.shortClock(second * 1000)
      : f.date(second * 1000)
  return (
    <CurvePlot
      curve={bars}
      edges={edges}
      kind="bars"
      label={t.household.bars[props.span]}
      value={f.signedWork}
      time={from}
    />
  )
}

/** The energy between each two edges: what was drawn less what was fed in, bar by bar. */
async function fetchBars(
  device: string,
  span: Span,
  edges: readonly number[],
  nowMs: number,
): Promise<Curve | undefined> {
  const growth = span === 'quarter' || span === 'hour' ? growthOfReadings : growthOfCounters
  const [drawn, fed] = await Promise.all(
    [IMPORT_OBIS, EXPORT_OBIS].map((register) =>
      growth(device, register, edges, nowMs).catch(() => undefined),
    ),
  )
  if (drawn === undefined) return undefined
  const seconds = edges.slice(1).map((edge, index) => (edge + (edges[index] ?? edge)) / 2000)
  const values = seconds.map((_, index) => {
    const [down, up] = [drawn[index] ?? null, fed?.[index] ?? null]
    return down === null && up === null ? null : (down ?? 0) - (up ?? 0)
  })
  return { seconds, values }
}

type Growth = (
  device: string,
  register: string,
  edges: readonly number[],
  nowMs: number,
) => Promise<readonly (number | null)[]>

/** Short bars, out of the readings themselves: the first bar begins where the readings do. */
const growthOfReadings: Growth = async (device, register, edges, nowMs) => {
  const [first = 0, second = 0] = edges
  const fromMs = first - (second - first)
  const answer = await client.series(device, {
    register,
    fromMs,
    toMs: Math.min(nowMs, edges.at(-1) ?? nowMs),
    points: 4000,
  })
  const counter = toCurve(answer.timesMs, answer.values)
  const kilo = answer.unit.startsWith('k') ? 1000 : 1
  const grown = growthByBar(
    counter,
    edges.map((edge) => edge / 1000),
  )
  return grown.map((value) => (value === null ? null : value * kilo))
}

/** Long bars, out of exact counter readings at their edges. */
const growthOfCounters: Growth = async (device, register, edges, nowMs) => {
  // The running period ends now, not at an edge that is still to come.
  const past = edges.filter((edge) => edge < nowMs)
  const asked = past.length === edges.length ? past : [...past, nowMs]
  const { values, unit } = await client.counters(device, register, asked)
  const kilo = unit.startsWith('k') ? 1000 : 1
  return edges.slice(1).map((_, index) => {
    const [before, after] = [values[index] ?? null, values[index + 1] ?? null]
    if (before === null || after === null) return null
    return Number(subtractDecimals(after, before)) * kilo
  })
}
