import type { VNode } from 'preact'
import { LiveCurve } from '../parts/live-curve.tsx'
import { PowerNow } from '../parts/power-now.tsx'
import { History } from '../parts/history.tsx'
import { RegisterTable } from '../parts/registers.tsx'
import { EventList } from '../parts/events.tsx'
import { pageStore } from '../session.ts'
import { useStore } from '../store.ts'
import { wordsStore } from '../texts/index.ts'

/** One meter, for the people who live behind it. */
export function HouseholdView(): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  const latest = useStore(pageStore, (state) => state.latest)
  const selected = useStore(pageStore, (state) => state.selected)
  const devices = useStore(pageStore, (state) => state.devices)
  const device = devices.find((each) => each.id === selected)
  return (
    <div class="view household-view">
      <h1>{device?.name ?? t.household.title}</h1>
      <div class="columns hero">
        <PowerNow />
        <LiveCurve />
      </div>
      <History />
      <div class="columns even">
        <section class="card" aria-labelledby="registers-title">
          <h2 id="registers-title">{t.household.registers}</h2>
          <RegisterTable registers={latest?.registers ?? []} />
        </section>
        <section class="card" aria-labelledby="events-title">
          <h2 id="events-title">{t.household.events}</h2>
          <EventList device={selected} />
        </section>
      </div>
    </div>
  )
}
