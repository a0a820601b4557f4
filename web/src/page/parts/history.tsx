import type { VNode } from 'preact'
import { useEffect, useMemo, useState } from 'preact/hooks'
import type { Medium } from '../../api.ts'
import { csvAddress } from '../client.ts'
import { fetchCurve } from '../curves.ts'
import type { Counters } from '../logic/heads.ts'
import { POWER_OBIS } from '../logic/reading.ts'
import { thin } from '../logic/series.ts'
import type { Curve } from '../logic/series.ts'
import { barEdges, SPANS } from '../logic/spans.ts'
import type { Span } from '../logic/spans.ts'
import { pageStore, serverNowMs } from '../session.ts'
import { useStore } from '../store.ts'
import { fill } from '../texts/fill.ts'
import { wordsStore } from '../texts/index.ts'
import { CurvePlot } from './curve.tsx'
import { EnergyBars } from './energy.tsx'
import type { Edges } from './gestures.ts'
import { Icon } from './icons.tsx'

/** Points asked for; the screen has about as many pixels across. */
const POINTS = 1200

/** Power and energy over the span that the reader chooses, now or before. */
export function History(props: { counters: Counters | undefined; medium: Medium }): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  const device = useStore(pageStore, (state) => state.selected)
  const head = useStore(pageStore, (state) => state.head)
  const isElectric = props.medium === 'electricity'
  const what = isElectric ? t.household.energy : t.household.media[props.medium]
  const [span, setSpan] = useState<Span>('day')
  const [back, setBack] = useState(0)
  const [zoom, setZoom] = useState<Edges>()
  const all = barEdges(span, serverNowMs(), back)
  const edges = [(all[0] ?? 0) / 1000, (all.at(-1) ?? 0) / 1000] as const
  const show = (nextSpan: Span, nextBack: number): void => {
    setSpan(nextSpan)
    setBack(nextBack)
    setZoom(undefined)
  }
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
                show(each, 0)
              }}
            >
              {t.household.spans[each]}
            </button>
          ))}
        </div>
      </header>
      <Pager
        edges={zoom ?? edges}
        zoomed={zoom !== undefined}
        back={back}
        turn={(by) => {
          show(span, Math.max(0, back + by))
        }}
        all={() => {
          setZoom(undefined)
        }}
      />
      <div class={isElectric ? 'columns even' : ''}>
        {isElectric && (
          <PowerHistory
            edges={zoom ?? edges}
            zoom={(next) => {
              setZoom(next && within(next, edges))
            }}
          />
        )}
        <div>
          <h3>{fill(t.household.bars[span], { what })}</h3>
          {props.counters !== undefined && (
            <EnergyBars span={span} back={back} counters={props.counters} />
          )}
        </div>
      </div>
      {device !== undefined && <Download device={device} head={head} edges={zoom ?? edges} />}
    </section>
  )
}

/** The part asked for, as far as there is such a part; all where it is nearly all. */
function within([from, to]: Edges, [first, last]: Edges): Edges | undefined {
  const inside = [Math.max(first, from), Math.min(last, to)] as const
  return inside[1] - inside[0] > (last - first) * 0.98 ? undefined : inside
}

/** What time is shown, and the way to the time before and after. */
function Pager(props: {
  edges: Edges
  zoomed: boolean
  back: number
  turn: (by: number) => void
  all: () => void
}): VNode {
  const { t, f } = useStore(wordsStore, (words) => words)
  const [from, to] = props.edges
  return (
    <div class="pager">
      <button
        type="button"
        class="quiet"
        aria-label={t.household.before}
        onClick={() => {
          props.turn(1)
        }}
      >
        ‹
      </button>
      <span role="status">{f.range(from * 1000, to * 1000)}</span>
      <button
        type="button"
        class="quiet"
        aria-label={t.household.after}
        disabled={props.back === 0}
        onClick={() => {
          props.turn(-1)
        }}
      >
        ›
      </button>
      {props.zoomed && (
        <button type="button" class="quiet labelled" onClick={props.all}>
          {t.household.showAll}
        </button>
      )}
    </div>
  )
}

function Download(props: { device: string; head: number; edges: Edges }): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  const [from, to] = props.edges
  return (
    <p>
      <a
        class="button"
        href={csvAddress(props.device, from * 1000, to * 1000, props.head)}
        download
      >
        <Icon name="download" size={16} />
        {t.household.download}
      </a>
    </p>
  )
}

/** How long a zoom must rest before finer readings are fetched. */
const REST_MS = 200

function PowerHistory(props: { edges: Edges; zoom: (edges: Edges | undefined) => void }): VNode {
  const { t, f } = useStore(wordsStore, (words) => words)
  const device = useStore(pageStore, (state) => state.selected)
  const head = useStore(pageStore, (state) => state.head)
  const [answer, setAnswer] = useState<Curve>()
  const [fromMs, toMs] = props.edges.map((second) => Math.round(second * 1000)) as [number, number]
  useEffect(() => {
    if (device === undefined) return undefined
    let gone = false
    const load = async (): Promise<void> => {
      const question = { register: POWER_OBIS, fromMs, toMs, points: POINTS, head }
      const next = await fetchCurve(device, question).catch(() => undefined)
      if (!gone) setAnswer(next)
    }
    const soon = setTimeout(() => void load(), REST_MS)
    const timer = setInterval(() => void load(), 30_000)
    return () => {
      gone = true
      clearTimeout(soon)
      clearInterval(timer)
    }
  }, [device, head, fromMs, toMs])
  const curve = useMemo(() => {
    if (answer === undefined) return { seconds: [], values: [] }
    return thin(answer, POINTS)
  }, [answer])
  const empty = curve.seconds.length === 0
  return (
    <div>
      <h3>{t.household.power}</h3>
      <CurvePlot
        curve={curve}
        edges={props.edges}
        label={empty ? t.household.empty : t.household.powerCurve}
        empty={t.household.empty}
        value={f.signedPower}
        time={(second) => f.dateTime(second * 1000)}
        onZoom={props.zoom}
      />
      {!empty && <p class="quietly">{t.household.zoomHint}</p>}
    </div>
  )
}
