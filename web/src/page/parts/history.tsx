import type { VNode } from 'preact'
import { useEffect, useMemo, useState } from 'preact/hooks'
import type { SeriesAnswer } from '../../api.ts'
import { client } from '../client.ts'
import { POWER_OBIS } from '../logic/reading.ts'
import { thin, toCurve } from '../logic/series.ts'
import { barEdges, SPANS } from '../logic/spans.ts'
import type { Span } from '../logic/spans.ts'
import { pageStore, serverNowMs } from '../session.ts'
import { useStore } from '../store.ts'
import { wordsStore } from '../texts/index.ts'
import { CurvePlot } from './curve.tsx'
import { EnergyBars } from './energy.tsx'

/** Points asked for; the screen has about as many pixels across. */
const POINTS = 1200

/** Power and energy over the span that the reader chooses. */
export function History(): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  const [span, setSpan] = useState<Span>('hour')
  return (
    <section class="card history" aria-labelledby="history-title">
      <header class="card-head">
        <h2 id="history-title">{t.household.curves}</h2>
        <div class="segments" role="group" aria-label={t.household.curves}>
          {SPANS.map((each) => (
            <button
              key={each}
              type="button"
              aria-pressed={each === span}
              onClick={() => {
                setSpan(each)
              }}
            >
              {t.household.spans[each]}
            </button>
          ))}
        </div>
      </header>
      <div class="columns even">
        <PowerHistory span={span} />
        <div>
          <h3>{t.household.bars[span]}</h3>
          <EnergyBars span={span} />
        </div>
      </div>
    </section>
  )
}

function PowerHistory(props: { span: Span }): VNode {
  const { t, f } = useStore(wordsStore, (words) => words)
  const device = useStore(pageStore, (state) => state.selected)
  const [answer, setAnswer] = useState<SeriesAnswer>()
  const edges = useMemo(() => barEdges(props.span, serverNowMs()), [props.span, answer])
  const [fromMs, toMs] = [edges[0] ?? 0, edges.at(-1) ?? 0]
  useEffect(() => {
    if (device === undefined) return undefined
    let gone = false
    const load = async (): Promise<void> => {
      const question = { register: POWER_OBIS, fromMs, toMs, points: POINTS }
      const next = await client.series(device, question).catch(() => undefined)
      if (!gone) setAnswer(next)
    }
    void load()
    const timer = setInterval(() => void load(), 30_000)
    return () => {
      gone = true
      clearInterval(timer)
    }
  }, [device, fromMs, toMs])
  const curve = useMemo(() => {
    if (answer === undefined) return { seconds: [], values: [] }
    return thin(toCurve(answer.timesMs, answer.values), POINTS)
  }, [answer])
  const signed = (watts: number): string => {
    const { value, unit } = f.power(watts)
    return `${watts < 0 ? '−' : ''}${value} ${unit}`
  }
  return (
    <div>
      <h3>{t.household.power}</h3>
      <CurvePlot
        curve={curve}
        edges={[fromMs / 1000, toMs / 1000]}
        label={curve.seconds.length === 0 ? t.household.empty : t.household.curves}
        value={signed}
        time={(second) => f.dateTime(second * 1000)}
        zoom
      />
      <p class="quietly">{curve.seconds.length === 0 ? t.household.empty : t.household.zoomHint}</p>
    </div>
  )
}
