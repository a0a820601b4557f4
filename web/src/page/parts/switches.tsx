import type { VNode } from 'preact'
import { useState } from 'preact/hooks'
import type { DeedAnswer, DemoAnswer, DemoDeed, DemoSwitch } from '../../api.ts'
import { client } from '../client.ts'
import { useStore } from '../store.ts'
import { fill } from '../texts/fill.ts'
import { wordsStore } from '../texts/index.ts'
import { wordFor } from '../texts/texts.ts'

/** Everything in the demo that can be made to happen, and what came of it. */
export function Switches(props: { demo: DemoAnswer }): VNode | null {
  const { t } = useStore(wordsStore, (words) => words)
  const { demo } = props
  if (demo.switches.length === 0 && demo.deeds.length === 0) return null
  return (
    <section class="card switches" aria-labelledby="switches-title">
      <h2 id="switches-title">{t.switches.title}</h2>
      <ul>
        {demo.switches.map(({ name, on }) => (
          <SwitchRow key={name} name={name} on={on} />
        ))}
        {demo.deeds.map((name) => (
          <DeedRow key={name} name={name} />
        ))}
      </ul>
    </section>
  )
}

function SwitchRow(props: { name: DemoSwitch; on: boolean }): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  const [title = props.name, what = ''] = t.switches[props.name]
  return (
    <li>
      <span class="switch-words">
        <b id={`switch-${props.name}`}>{title}</b>
        <small>{what}</small>
      </span>
      <button
        type="button"
        role="switch"
        class="switch"
        aria-checked={props.on}
        aria-labelledby={`switch-${props.name}`}
        onClick={() => void client.switchDemo(props.name, !props.on).catch(() => undefined)}
      >
        <span class="knob" />
      </button>
    </li>
  )
}

function DeedRow(props: { name: DemoDeed }): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  const [answer, setAnswer] = useState<DeedAnswer | 'failed'>()
  const [title = props.name, what = ''] = t.switches[props.name]
  const act = async (): Promise<void> => {
    setAnswer(await client.deed(props.name).catch(() => 'failed' as const))
  }
  return (
    <li>
      <span class="switch-words">
        <b>{title}</b>
        <small>{what}</small>
        <span class="deed-answer" role="status">
          {answer !== undefined && outcome(answer)}
          {typeof answer === 'object' && answer.reason !== undefined && (
            <code>{answer.reason}</code>
          )}
        </span>
      </span>
      <button type="button" class="deed" aria-label={title} onClick={() => void act()}>
        ▸
      </button>
    </li>
  )
}

function outcome(answer: DeedAnswer | 'failed'): string {
  const { t } = wordsStore.get()
  if (answer === 'failed') return t.switches.failed
  if (answer.accepted) return answer.deed === 'replay' ? t.switches.same : t.switches.accepted
  const reason = answer.reason ?? '?'
  return fill(t.switches.refused, { reason: wordFor(t.switches.reasons, reason) ?? reason })
}
