import type { VNode } from 'preact'
import type { EventView, NetworkAnswer } from '../../api.ts'
import { pathName } from '../logic/paths.ts'
import { isPause } from '../logic/story.ts'
import { pageStore } from '../session.ts'
import { useStore } from '../store.ts'
import { fill } from '../texts/fill.ts'
import { wordsStore } from '../texts/index.ts'
import { wordFor } from '../texts/texts.ts'
import { Ago } from './time.tsx'

/** Events shown at once. */
const SHOWN = 30

/** What happened, newest first, in words. */
export function EventList(props: { device?: string | undefined }): VNode {
  const all = useStore(pageStore, (state) => state.events)
  const network = useStore(pageStore, (state) => state.network)
  // A head-end notices changes of path itself; a meter's own page knows them from its network alone.
  const told = all.some((event) => event.code === 'path.failover')
  const events = [...all, ...(told ? [] : failoverEvents(network))]
    .filter(
      (event) =>
        event.device === undefined || props.device === undefined || event.device === props.device,
    )
    .sort((one, two) => two.atMs - one.atMs)
  return <Events events={events.slice(0, SHOWN)} />
}

/** Events in words, in the order given. */
export function Events(props: { events: readonly EventView[] }): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  if (props.events.length === 0) return <p class="quietly">{t.household.noEvents}</p>
  return (
    <ol class="events">
      {props.events.map((event) => (
        <li key={event.id} class={`event-${event.severity}`}>
          <span class="event-mark">{t.severity[event.severity]}</span>
          <span>
            {wordEvent(event)}
            {event.reason !== undefined && <code>{event.reason}</code>}
          </span>
          <small>
            <Ago timeMs={event.atMs} />
          </small>
        </li>
      ))}
    </ol>
  )
}

/** Changes of path are events as well: what matters of them is how long nothing arrived. */
function failoverEvents(network: NetworkAnswer | undefined): readonly EventView[] {
  const { t, f } = wordsStore.get()
  const name = (id: string | undefined): string =>
    id === undefined ? t.network.nowhere : pathName(network, id, t)
  return (network?.failovers ?? []).map(({ atMs, from, to, gapMs, cause }) => ({
    id: `failover-${atMs}`,
    atMs,
    severity: 'notice',
    code: gapMs === undefined ? 'path.changing' : isPause(gapMs) ? 'path.failover' : 'path.moved',
    values: {
      from: name(from),
      to: name(to),
      gap: f.span(gapMs ?? 0),
      cause: t.network.causes[cause],
    },
  }))
}

/** A change of path that nobody could have noticed has a sentence of its own. */
function codeOf({ code, values }: EventView): string {
  const isMove = code === 'path.failover' && typeof values.gapMs === 'number'
  return isMove && !isPause(Number(values.gapMs)) ? 'path.moved' : code
}

/** What a sentence needs: paths by the names that they have on this page, spans in words. */
function valuesOf({ code, values }: EventView): EventView['values'] {
  const { t, f } = wordsStore.get()
  if (code !== 'path.failover' || typeof values.gapMs !== 'number')
    return { who: '?', reason: '', ...values }
  const { network } = pageStore.get()
  const name = (value: string | number | undefined): string => {
    const fingerprint = String(value ?? '')
    const known = network?.paths.find((path) => fingerprint.startsWith(path.id))
    return fingerprint === '' ? t.network.nowhere : pathName(network, known?.id ?? fingerprint, t)
  }
  return { from: name(values.from), to: name(values.to), gap: f.span(values.gapMs), cause: '' }
}

/** A code that the page does not know is shown as it is, with what it carries. */
function wordEvent(event: EventView): string {
  const { t } = wordsStore.get()
  const text = wordFor(t.events, codeOf(event))
  if (text !== undefined) return fill(text, valuesOf(event))
  const values = Object.entries(event.values).map(([name, value]) => `${name} ${value}`)
  return [event.code, ...values].join(', ')
}
