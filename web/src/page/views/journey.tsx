import type { VNode } from 'preact'
import { EnergyToday } from '../parts/energy.tsx'
import { LiveCurve } from '../parts/live-curve.tsx'
import { NetworkMap } from '../parts/map.tsx'
import { Failovers, PathTable } from '../parts/paths.tsx'
import { PowerNow } from '../parts/power-now.tsx'
import { Switches } from '../parts/switches.tsx'
import { Way } from '../parts/way.tsx'
import { pageStore } from '../session.ts'
import { useStore } from '../store.ts'
import { wordsStore } from '../texts/index.ts'

/** The demo's own view: a reading from light to row, and every way to disturb it. */
export function JourneyView(): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  const network = useStore(pageStore, (state) => state.network)
  const demo = useStore(pageStore, (state) => state.demo)
  return (
    <div class="view journey-view">
      <h1 class="unseen">{t.views.journey}</h1>
      <div class="columns hero">
        <PowerNow />
        <LiveCurve />
      </div>
      {network !== undefined && (
        <section class="card map-card" aria-labelledby="map-title">
          <header class="card-head">
            <h2 id="map-title">{t.network.mapTitle}</h2>
            <p>{t.network.mapHelp}</p>
          </header>
          <div class="columns map-and-paths">
            <NetworkMap network={network} />
            <div>
              <PathTable network={network} brief />
              <h3>{t.network.failovers}</h3>
              <Failovers network={network} most={3} />
            </div>
          </div>
        </section>
      )}
      <Way />
      <div class="columns even">
        <EnergyToday />
        {demo !== undefined && <Switches demo={demo} />}
      </div>
    </div>
  )
}
