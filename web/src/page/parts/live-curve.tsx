import type { VNode } from 'preact'
import { powerOf } from '../logic/reading.ts'
import { LIVE_SPAN_MS } from '../logic/state.ts'
import { pageStore } from '../session.ts'
import { useStore } from '../store.ts'
import { fill } from '../texts/fill.ts'
import { wordsStore } from '../texts/index.ts'
import { CurvePlot } from './curve.tsx'

/** The last minutes of power; its right edge is the newest reading, so that silence shows too. */
export function LiveCurve(): VNode {
  const { t, f } = useStore(wordsStore, (words) => words)
  const curve = useStore(pageStore, (state) => state.power)
  const latest = useStore(pageStore, (state) => state.latest)
  const untold = latest !== undefined && powerOf(latest) === undefined
  const values = curve.values.filter((value) => value !== null)
  const end = Math.max(curve.seconds.at(-1) ?? 0, (latest?.timeMs ?? 0) / 1000)
  const label = fill(t.power.curveSummary, {
    low: f.signedPower(Math.min(...values)),
    high: f.signedPower(Math.max(...values)),
    last: f.signedPower(values.at(-1) ?? 0),
  })
  return (
    <section class="card live" aria-labelledby="live-title">
      <h2 id="live-title">{t.power.curve}</h2>
      <CurvePlot
        curve={curve}
        edges={[end - LIVE_SPAN_MS / 1000, end]}
        label={values.length > 0 ? label : t.power.waiting}
        empty={untold ? t.power.untold : t.power.none}
        value={f.signedPower}
        time={(second) => f.clock(second * 1000)}
      />
    </section>
  )
}
