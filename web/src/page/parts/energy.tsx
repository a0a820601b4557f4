import type { VNode } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { CountersAnswer } from '../../api.ts'
import { client } from '../client.ts'
import {
  EXPORT_OBIS,
  findRegister,
  IMPORT_OBIS,
  numeric,
  subtractDecimals,
} from '../logic/reading.ts'
import { barEdges } from '../logic/spans.ts'
import type { Span } from '../logic/spans.ts'
import { pageStore, serverNowMs } from '../session.ts'
import { useStore } from '../store.ts'
import { wordsStore } from '../texts/index.ts'
import type { Curve } from '../logic/series.ts'
import { CurvePlot } from './curve.tsx'

/** How often the bars of the running period are asked for anew. */
const REFRESH_MS = 10_000

/** Counter readings and bars of today, drawn and fed in. */
export function EnergyToday(): VNode {
  const { t, f } = useStore(wordsStore, (words) => words)
  const latest = useStore(pageStore, (state) => state.latest)
  const total = (obis: string): string => {
    const wattHours = numeric(latest && findRegister(latest.registers, obis))
    if (wattHours === undefined) return t.energy.unknown
    const { value, unit } = f.energy(wattHours)
    return `${value} ${unit}`
  }
  return (
    <section class="card energy" aria-labelledby="energy-title">
      <h2 id="energy-title">{t.household.bars.hour}</h2>
      <dl class="totals">
        <div>
          <dt>
            <span class="key drawn" /> {t.energy.drawn}
          </dt>
          <dd>{total(IMPORT_OBIS)}</dd>
        </div>
        <div>
          <dt>
            <span class="key fed" /> {t.energy.fed}
          </dt>
          <dd>{total(EXPORT_OBIS)}</dd>
        </div>
      </dl>
      <EnergyBars span="hour" />
    </section>
  )
}

/** Bars of energy over a span: drawn upwards, fed in downwards. */
export function EnergyBars(props: { span: Span }): VNode {
  const { t, f } = useStore(wordsStore, (words) => words)
  const device = useStore(pageStore, (state) => state.selected)
  const [bars, setBars] = useState<Curve>({ seconds: [], values: [] })
  const [edges, setEdges] = useState<readonly [number, number]>()
  useEffect(() => {
    if (device === undefined) return undefined
    let gone = false
    const load = async (): Promise<void> => {
      const nowMs = serverNowMs()
      const all = barEdges(props.span, nowMs)
      const next = await fetchBars(device, all, nowMs)
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
  }, [device, props.span])
  const energy = (wattHours: number): string => {
    const { value, unit } = f.work(wattHours)
    return `${wattHours < 0 ? '−' : ''}${value} ${unit}`
  }
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
      value={energy}
      time={from}
    />
  )
}

/** The energy between each two edges: what was drawn less what was fed in, bar by bar. */
async function fetchBars(
  device: string,
  edges: readonly number[],
  nowMs: number,
): Promise<Curve | undefined> {
  // The running period ends now, not at an edge that is still to come.
  const asked = [...edges.filter((edge) => edge < nowMs), Math.floor(nowMs)]
  const [drawn, fed] = await Promise.all(
    [IMPORT_OBIS, EXPORT_OBIS].map((register) =>
      client.counters(device, register, asked).catch(() => undefined),
    ),
  )
  if (drawn === undefined) return undefined
  const seconds: number[] = []
  const values: (number | null)[] = []
  for (let index = 0; index + 1 < edges.length; index += 1) {
    const middle = ((edges[index] ?? 0) + (edges[index + 1] ?? 0)) / 2
    const [down, up] = [difference(drawn, index), difference(fed, index)]
    seconds.push(middle / 1000)
    values.push(down === undefined && up === undefined ? null : (down ?? 0) - (up ?? 0))
  }
  return { seconds, values }
}

function difference(counters: CountersAnswer | undefined, index: number): number | undefined {
  const [before, after] = [counters?.values[index] ?? null, counters?.values[index + 1] ?? null]
  if (before === null || after === null) return undefined
  const kilo = counters?.unit.startsWith('k') === true ? 1000 : 1
  return Number(subtractDecimals(after, before)) * kilo
}
