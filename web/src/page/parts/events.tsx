import type { VNode } from 'preact'
import type { EventView } from '../../api.ts'
import { pageStore } from '../session.ts'
import { useStore } from '../store.ts'
import { fill } from '../texts/fill.ts'
import { wordsStore } from '../texts/index.ts'
import { Ago } from './time.tsx'

/** Events shown at once. */
const SHOWN = 30

/** What happened, newest first, in words. */
export function EventList(props: { device?: string | undefined }): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  const all = useStore(pageStore, (state) => state.events)
  const events = all.filter(
    (event) =>
      event.device === undefined || props.device === undefined || event.device === props.device,
  )
  if (events.length === 0) return <p class="quietly">{t.household.noEvents}</p>
  return (
    <ol class="events">
      {events.slice(0, SHOWN).map((event) => (
        <li key={event.id} class={event.severity}>
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

/** A code that the page does not know is shown as it is, with what it carries. */
function wordEvent(event: EventView): string {
  const { t } = wordsStore.get()
  const text = t.events[event.code]
  if (text !== undefined) return fill(text, event.values)
  const values = Object.entries(event.values).map(([name, value]) => `${name} ${value}`)
  return [event.code, ...values].join(', ')
}
