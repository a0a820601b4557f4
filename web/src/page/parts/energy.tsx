import type { VNode } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { client } from '../client.ts'
import type { Counters } from '../logic/heads.ts'
import { subtractDecimals } from '../logic/reading.ts'
import { growthByBar, toCurve } from '../logic/series.ts'
import { barEdges } from '../logic/spans.ts'
import type { Span } from '../logic/spans.ts'
import { pageStore, serverNowMs } from '../session.ts'
import { useStore } from '../store.ts'
import { fill } from '../texts/fill.ts'
import { wordsStore } from '../texts/index.ts'
import type { Curve } from '../logic/series.ts'
import { CurvePlot } from './curve.tsx'

/** How often the bars of the running period are asked for anew. */
const REFRESH_MS = 10_000

/** Bars of what was counted over a span: drawn upwards, fed in downwards. */
export function EnergyBars(props: { span: Span; back: number; counters: Counters }): VNode {
  const { t, f } = useStore(wordsStore, (words) => words)
  const device = useStore(pageStore, (state) => state.selected)
  const head = useStore(pageStore, (state) => state.head)
  const [bars, setBars] = useState<Bars>({ curve: { seconds: [], values: [] }, unit: 'Wh' })
  const [edges, setEdges] = useState<readonly [number, number]>()
  const { span, back, counters } = props
  useEffect(() => {
    if (device === undefined) return undefined
    let gone = false
    const load = async (): Promise<void> => {
      const nowMs = serverNowMs()
      const all = barEdges(span, nowMs, back)
      const next = await fetchBars({ device, head, span, edges: all, nowMs, counters })
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
  }, [device, head, span, back, counters.drawn.join(), counters.fed.join()])
  const from = (second: number): string =>
    span === 'hour' || span === 'day' ? f.shortClock(second * 1000) : f.date(second * 1000)
  return (
    <CurvePlot
      curve={bars.curve}
      below={bars.below}
      edges={edges}
      kind="bars"
      empty={t.household.empty}
      label={fill(t.household.bars[span], { what: t.household.energy })}
      value={(amount) => f.counted(amount, bars.unit)}
      time={from}
    />
  )
}

interface Bars {
  readonly curve: Curve
  /** What was fed in, below zero. */
  readonly below?: readonly (number | null)[] | undefined
  readonly unit: string
}

/** Which bars are asked for. */
interface Question {
  readonly device: string
  readonly head: number
  readonly span: Span
  readonly edges: readonly number[]
  readonly nowMs: number
  readonly counters: Counters
}

/** What was counted between each two edges, drawn and fed in apart, bar by bar. */
async function fetchBars(question: Question): Promise<Bars | undefined> {
  const { span, edges, counters } = question
  const growth = span === 'quarter' || span === 'hour' ? growthOfReadings : growthOfCounters
  const of = async (registers: readonly string[]): Promise<Grown | undefined> => {
    const all = await Promise.all(registers.map((register) => growth(question, register)))
    return all.reduce<Grown | undefined>((sum, each) => (sum === undefined ? each : added(sum, each)), undefined) // prettier-ignore
  }
  const [drawn, fed] = await Promise.all([of(counters.drawn), of(counters.fed)]).catch(() => [])
  if (drawn === undefined) return undefined
  const seconds = edges.slice(1).map((edge, index) => (edge + (edges[index] ?? edge)) / 2000)
  const below = fed?.grown.map((value) => (value === null ? null : -value))
  return { curve: { seconds, values: drawn.grown }, below, unit: drawn.unit }
}

/** What a counter grew by in each bar. */
interface Grown {
  readonly grown: readonly (number | null)[]
  readonly unit: string
}

type Growth = (question: Question, register: string) => Promise<Grown>

/** Both counters together; a bar in which one was not read is not known. */
function added(one: Grown, two: Grown): Grown {
  const grown = one.grown.map((value, index) => {
    const other = two.grown[index] ?? null
    return value === null || other === null ? null : value + other
  })
  return { ...one, grown }
}

/** Short bars, out of the readings themselves: the first bar begins where the readings do. */
const growthOfReadings: Growth = async ({ device, head, edges, nowMs }, register) => {
  const [first = 0, second = 0] = edges
  const fromMs = first - (second - first)
  const toMs = Math.min(nowMs, edges.at(-1) ?? nowMs)
  const answer = await client.series(device, { register, fromMs, toMs, points: 4000, head })
  const counter = toCurve(answer.timesMs, answer.values)
  const kilo = answer.unit.startsWith('k') ? 1000 : 1
  const grown = growthByBar(
    counter,
    edges.map((edge) => edge / 1000),
  )
  return { grown: grown.map((value) => (value === null ? null : value * kilo)), unit: answer.unit }
}

/** Long bars, out of exact counter readings at their edges. */
const growthOfCounters: Growth = async ({ device, head, edges, nowMs }, register) => {
  // The running period ends now, not at an edge that is still to come.
  const past = edges.filter((edge) => edge < nowMs)
  const asked = past.length === edges.length ? past : [...past, nowMs]
  const { values, unit } = await client.counters(device, register, asked, head)
  const kilo = unit.startsWith('k') ? 1000 : 1
  const grown = edges.slice(1).map((_, index) => {
    const [before, after] = [values[index] ?? null, values[index + 1] ?? null]
    if (before === null || after === null) return null
    return Number(subtractDecimals(after, before)) * kilo
  })
  return { grown, unit }
}
