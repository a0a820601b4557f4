import type { VNode } from 'preact'
import { useState } from 'preact/hooks'
import type { Journey, JourneyLayer } from '../../api.ts'
import { hopsOf, pathName } from '../logic/paths.ts'
import { reachedAfterMs, STATIONS } from '../logic/stations.ts'
import type { Station } from '../logic/stations.ts'
import { pageStore } from '../session.ts'
import { useStore } from '../store.ts'
import { fill } from '../texts/fill.ts'
import { wordsStore } from '../texts/index.ts'
import { wordFor } from '../texts/texts.ts'
import { Icon } from './icons.tsx'
import { TelegramPanel } from './telegram.tsx'

/** The way of the latest reading as a line with stations; each opens what happened there. */
export function Way(): VNode {
  const { t, f } = useStore(wordsStore, (words) => words)
  const newest = useStore(pageStore, (state) => state.journey)
  const [held, setHeld] = useState<Journey>()
  const [open, setOpen] = useState<Station>('telegram')
  const journey = held ?? newest
  if (journey === undefined) {
    return (
      <section class="card way" aria-labelledby="way-title">
        <h2 id="way-title">{t.journey.title}</h2>
        <p class="quietly">{t.journey.waiting}</p>
      </section>
    )
  }
  const total = reachedAfterMs(journey, 'acked')
  return (
    <section class="card way" aria-labelledby="way-title">
      <header class="card-head">
        <h2 id="way-title">{t.journey.title}</h2>
        <p>
          {fill(t.journey.sequence, {
            stream: wordFor(t.streams, journey.stream) ?? journey.stream,
            seq: f.integer(journey.seq),
          })}
          {total !== undefined && (
            <>
              {' · '}
              <b>{fill(t.journey.timeToAck, { span: f.span(total) })}</b>
            </>
          )}
        </p>
        <button
          type="button"
          class="quiet labelled"
          aria-pressed={held !== undefined}
          onClick={() => {
            setHeld(held === undefined ? journey : undefined)
          }}
        >
          <Icon name={held === undefined ? 'pause' : 'play'} size={16} />
          {held === undefined ? t.journey.pause : t.journey.resume}
        </button>
      </header>
      <ol class="stations">
        {STATIONS.map((station) => (
          <StationMark
            key={station}
            station={station}
            journey={journey}
            open={station === open}
            choose={() => {
              setOpen(station)
            }}
          />
        ))}
      </ol>
      <div class="station-panel" id="station-panel">
        <p class="station-help">{t.journey.stationHelp[open]}</p>
        <StationPanel station={open} journey={journey} />
      </div>
    </section>
  )
}

function StationMark(props: {
  station: Station
  journey: Journey
  open: boolean
  choose: () => void
}): VNode {
  const { station, journey } = props
  const { t, f } = useStore(wordsStore, (words) => words)
  const after = reachedAfterMs(journey, station)
  return (
    <li class={`${after === undefined ? 'ahead' : 'reached'} ${props.open ? 'open' : ''}`}>
      <button
        type="button"
        aria-expanded={props.open}
        aria-controls="station-panel"
        onClick={props.choose}
      >
        <span class="stop" aria-hidden="true" />
        <span class="station-name">{t.journey.stations[station]}</span>
        <span class="station-fact">{useFact(station, journey)}</span>
        <span class="station-time">
          {after === undefined
            ? '…'
            : station === 'telegram'
              ? f.clock(journey.telegram.arrivedMs)
              : fill(t.journey.after, { span: f.span(after) })}
        </span>
      </button>
    </li>
  )
}

/** The one thing worth knowing of a station, in a word or two. */
function useFact(station: Station, journey: Journey): string {
  const { t, f } = useStore(wordsStore, (words) => words)
  const network = useStore(pageStore, (state) => state.network)
  switch (station) {
    case 'telegram':
      return `${journey.telegram.protocol.toUpperCase()}, ${f.bytes(journey.telegram.bytes.length / 2)}`
    case 'registers':
      return fill(t.journey.values, { count: f.integer(journey.registers.length) })
    case 'sealed':
      return journey.sealedBytes === undefined ? '' : f.bytes(journey.sealedBytes)
    case 'path': {
      const path = journey.path ?? journey.attempts.at(-1)?.path
      return path === undefined ? '' : pathName(network, path, t)
    }
    case 'stored':
      return journey.row === undefined ? '' : fill(t.journey.row, { row: f.integer(journey.row) })
    case 'acked':
      return ''
  }
}

function StationPanel(props: { station: Station; journey: Journey }): VNode | null {
  const { station, journey } = props
  switch (station) {
    case 'telegram':
    case 'registers':
      return <TelegramPanel journey={journey} />
    case 'sealed':
      return <Layers layers={journey.layers} />
    case 'path':
      return <PathPanel journey={journey} />
    case 'stored':
    case 'acked':
      return <Times journey={journey} />
  }
}

/** The datagram as a bar: what each layer adds, to scale. */
function Layers(props: { layers: readonly JourneyLayer[] }): VNode {
  const { t, f } = useStore(wordsStore, (words) => words)
  const total = props.layers.reduce((sum, layer) => sum + layer.bytes, 0)
  return (
    <div class="layers">
      <svg
        class="layer-bar"
        viewBox={`0 0 ${Math.max(1, total)} 10`}
        preserveAspectRatio="none"
        aria-hidden="true"
      >
        {props.layers.map((layer, index) => {
          const before = props.layers.slice(0, index).reduce((sum, each) => sum + each.bytes, 0)
          return (
            <rect
              key={layer.layer}
              class={layer.layer}
              x={before}
              y="0"
              width={layer.bytes}
              height="10"
            />
          )
        })}
      </svg>
      <dl>
        {props.layers.map((layer) => {
          const [name = layer.layer, what = ''] = t.journey.layers[layer.layer]
          return (
            <div key={layer.layer}>
              <dt>
                <span class={`key ${layer.layer}`} /> {name}
              </dt>
              <dd class="number">{f.bytes(layer.bytes)}</dd>
              <dd>{what}</dd>
            </div>
          )
        })}
      </dl>
      <p class="quietly">{fill(t.journey.onTheWire, { count: f.integer(total) })}</p>
    </div>
  )
}

function PathPanel(props: { journey: Journey }): VNode {
  const { t, f } = useStore(wordsStore, (words) => words)
  const network = useStore(pageStore, (state) => state.network)
  const { journey } = props
  const id = journey.path ?? journey.attempts.at(-1)?.path
  const path = network?.paths.find((each) => each.id === id)
  return (
    <div>
      {path !== undefined && (
        <ol class="hops" aria-label={t.journey.hops}>
          {hopsOf(path).map((ia) => (
            <li key={ia}>
              <b>{network?.ases.find((as) => as.ia === ia)?.name ?? ia}</b>
              <small>{ia}</small>
            </li>
          ))}
        </ol>
      )}
      {journey.attempts.length > 1 && (
        <p>{fill(t.journey.sentTimes, { count: f.integer(journey.attempts.length) })}</p>
      )}
    </div>
  )
}

function Times(props: { journey: Journey }): VNode {
  const { t, f } = useStore(wordsStore, (words) => words)
  const { journey } = props
  return (
    <dl class="times">
      {STATIONS.map((station) => {
        const after = reachedAfterMs(journey, station)
        if (after === undefined || station === 'registers') return null
        return (
          <div key={station}>
            <dt>{t.journey.stations[station]}</dt>
            <dd class="number">{f.span(after)}</dd>
          </div>
        )
      })}
    </dl>
  )
}
