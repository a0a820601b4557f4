import type { VNode } from 'preact'
import { countersOf, headsOf, toldMedium } from '../logic/heads.ts'
import { HeadTabs } from '../parts/head-tabs.tsx'
import { LiveCurve } from '../parts/live-curve.tsx'
import { PowerNow } from '../parts/power-now.tsx'
import { History } from '../parts/history.tsx'
import { RegisterTable } from '../parts/registers.tsx'
import { EventList } from '../parts/events.tsx'
import { Summary } from '../parts/summary.tsx'
import { TariffCard } from '../parts/tariff.tsx'
import { pageStore } from '../session.ts'
import { useStore } from '../store.ts'
import { wordsStore } from '../texts/index.ts'
import { useTariff, useUsages } from '../usage.ts'

/** One meter, for the people who live behind it. */
export function HouseholdView(): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  const latest = useStore(pageStore, (state) => state.latest)
  const selected = useStore(pageStore, (state) => state.selected)
  const devices = useStore(pageStore, (state) => state.devices)
  const chosen = useStore(pageStore, (state) => state.head)
  const device = devices.find((each) => each.id === selected)
  const events = useStore(pageStore, (state) => state.events)
  const heads = headsOf(device).map((each) => toldMedium(each, events))
  const head = heads.find((each) => each.head === chosen) ?? heads[0]
  const isElectric = head === undefined || head.medium === 'electricity'
  const counters = head && countersOf(head, latest?.registers ?? [])
  const [tariff, setTariff] = useTariff(selected)
  const usages = useUsages(selected, chosen, counters, tariff)
  return (
    <div class="view household-view">
      <h1>{device?.name ?? t.household.title}</h1>
      <HeadTabs heads={heads} />
      {isElectric && (
        <div class="columns hero">
          <PowerNow />
          <LiveCurve />
        </div>
      )}
      <Summary usages={usages} />
      <History counters={counters} medium={head?.medium ?? 'electricity'} />
      <div class="columns even">
        <section class="card" aria-labelledby="registers-title">
          <h2 id="registers-title">{t.household.registers}</h2>
          <RegisterTable registers={latest?.registers ?? []} />
        </section>
        <div class="stacked">
          {device !== undefined && (
            <TariffCard
              key={device.id}
              device={device}
              seen={latest?.registers ?? []}
              known={tariff}
              saved={setTariff}
            />
          )}
          <section class="card" aria-labelledby="events-title">
            <h2 id="events-title">{t.household.events}</h2>
            <EventList device={selected} />
          </section>
        </div>
      </div>
    </div>
  )
}
