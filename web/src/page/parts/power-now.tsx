import type { VNode } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { powerOf } from '../logic/reading.ts'
import { LIVE_SPAN_MS } from '../logic/state.ts'
import { pageStore } from '../session.ts'
import { useStore } from '../store.ts'
import { wordsStore } from '../texts/index.ts'
import { Icon } from './icons.tsx'
import { Ago, useNow } from './time.tsx'
import { ProofMark } from './proof.tsx'

const DIRECTION_ICON = { drawn: 'down', fed: 'up', still: 'still' } as const

/** Power now, in the largest letters of the page, with its direction and its proof. */
export function PowerNow(): VNode {
  const { t, f } = useStore(wordsStore, (words) => words)
  const latest = useStore(pageStore, (state) => state.latest)
  const power = latest === undefined ? undefined : powerOf(latest)
  const nowMs = useNow()
  if (latest === undefined || power === undefined) {
    return (
      <section class="card now" aria-labelledby="now-title">
        <h2 id="now-title">{t.power.title}</h2>
        <p class="now-value waiting">{latest === undefined ? t.power.waiting : t.power.untold}</p>
        <Disc watts={0} />
      </section>
    )
  }
  const { value, unit } = f.power(power.watts)
  // What was read long ago is not what is now, and must not look like it.
  const isOld = nowMs - latest.timeMs > LIVE_SPAN_MS
  return (
    <section class={`card now ${isOld ? 'old' : power.direction}`} aria-labelledby="now-title">
      <h2 id="now-title">{isOld ? t.power.last : t.power.title}</h2>
      <p class="now-value">
        <span class="digits">{value}</span> <span class="unit">{unit}</span>
      </p>
      <p class="now-direction">
        <Icon name={DIRECTION_ICON[power.direction]} size={22} />
        {t.power[power.direction]}
      </p>
      <Disc watts={isOld ? 0 : power.watts} />
      <p class="now-foot">
        <Ago timeMs={latest.timeMs} text={t.power.ago} />
        <ProofMark reading={latest} />
      </p>
    </section>
  )
}

/** Time of one turn at one kilowatt; a real disc takes near a minute, which nobody would wait for. */
const TURN_MS = 6000

/** Turns in each direction before the animation ends: more than a page's life. */
const TURNS = 1_000_000

/** The disc of an old meter from its edge: its red tick runs as fast as energy flows, and back. */
function Disc(props: { watts: number }): VNode {
  const tick = useRef<HTMLSpanElement>(null)
  const running = useRef<Animation | undefined>(undefined)
  useEffect(() => {
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches
    if (tick.current === null || still) return undefined
    const animation = tick.current.animate(
      [{ transform: 'translateX(0)' }, { transform: 'translateX(var(--disc-run))' }],
      { duration: TURN_MS, iterations: TURNS },
    )
    // In the middle of its life it can run either way.
    animation.currentTime = (TURN_MS * TURNS) / 2
    running.current = animation
    return () => {
      animation.cancel()
    }
  }, [])
  useEffect(() => {
    // Slower than linear, so that a fridge still moves it and a stove does not blur it.
    const speed = Math.sign(props.watts) * Math.min(6, Math.sqrt(Math.abs(props.watts) / 1000))
    running.current?.updatePlaybackRate(speed)
  }, [props.watts])
  return (
    <div class="disc" aria-hidden="true">
      <span class="disc-tick" ref={tick} />
    </div>
  )
}
