import type { VNode } from 'preact'
import { LiveCurve } from '../parts/live-curve.tsx'
import { NetworkMap } from '../parts/map.tsx'
import { PathTable } from '../parts/paths.tsx'
import { PowerNow } from '../parts/power-now.tsx'
import { StoryPanel, WhatIsScion } from '../parts/story.tsx'
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
      <div class="lead">
        <h1>{t.journey.headline}</h1>
        <p>{t.journey.lead}</p>
      </div>
      {network !== undefined && (
        <section class="card map-card" aria-labelledby="map-title">
          <header class="card-head">
            <h2 id="map-title">{t.network.mapTitle}</h2>
            <p>{t.network.mapHelp}</p>
          </header>
          <div class="columns map-and-paths">
            <div>
              <NetworkMap network={network} />
              <WhatIsScion />
            </div>
            <div>
              <StoryPanel network={network} />
              <PathTable network={network} brief />
            </div>
          </div>
        </section>
      )}
      {demo !== undefined && <Switches demo={demo} />}
      <div class="columns hero">
        <PowerNow />
        <LiveCurve />
      </div>
      <Way />
    </div>
  )
}
