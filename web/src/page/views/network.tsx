import type { VNode } from 'preact'
import { NetworkMap } from '../parts/map.tsx'
import { Failovers, PathTable } from '../parts/paths.tsx'
import { PolicyCard } from '../parts/policy.tsx'
import { StoryPanel, WhatIsScion } from '../parts/story.tsx'
import { useNow } from '../parts/time.tsx'
import { pageStore } from '../session.ts'
import { useStore } from '../store.ts'
import { fill } from '../texts/fill.ts'
import { wordsStore } from '../texts/index.ts'

/** The part of a meter that sees the network speaks every few seconds; after so long it is away. */
const AWAY_MS = 30_000

/** Says so where what is shown is of some time ago. */
function Stale(props: { atMs: number }): VNode | null {
  const { t, f } = useStore(wordsStore, (words) => words)
  const nowMs = useNow()
  if (nowMs - props.atMs < AWAY_MS) return null
  return (
    <p class="alarm" role="status">
      {fill(t.network.stale, { text: f.relative(props.atMs, nowMs) })}
    </p>
  )
}

/** The network: where the ways run, which one is taken, and why. */
export function NetworkView(): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  const network = useStore(pageStore, (state) => state.network)
  const isMeter = useStore(pageStore, (state) => state.server?.role === 'meter')
  if (network === undefined) {
    return (
      <div class="view">
        <h1>{t.network.title}</h1>
        <section class="card">
          <p class="quietly">{isMeter ? t.network.waiting : t.connection.connecting}</p>
        </section>
      </div>
    )
  }
  return (
    <div class="view network-view">
      <h1>{t.network.title}</h1>
      {isMeter && <Stale atMs={network.atMs} />}
      <section class="card map-card" aria-labelledby="map-title">
        <header class="card-head">
          <h2 id="map-title">{t.network.mapTitle}</h2>
          {network.links.some((link) => link.switchable) && <p>{t.network.mapHelp}</p>}
        </header>
        <NetworkMap network={network} />
        <div class="columns even">
          <StoryPanel network={network} />
          <WhatIsScion />
        </div>
      </section>
      <section class="card paths-card" aria-labelledby="paths-title">
        <header class="card-head">
          <h2 id="paths-title">{t.network.paths}</h2>
          <p>{t.network.pathsHelp}</p>
        </header>
        <PathTable network={network} />
      </section>
      <div class="columns even">
        <PolicyCard network={network} />
        <section class="card" aria-labelledby="failovers-title">
          <h2 id="failovers-title">{t.network.failovers}</h2>
          <Failovers network={network} />
        </section>
      </div>
    </div>
  )
}
