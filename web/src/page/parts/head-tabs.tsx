import type { VNode } from 'preact'
import type { Head } from '../logic/heads.ts'
import { pageStore, selectHead } from '../session.ts'
import { useStore } from '../store.ts'
import { wordsStore } from '../texts/index.ts'

/** Which of several meters is looked at: electricity, gas, water, heat. */
export function HeadTabs(props: { heads: readonly Head[] }): VNode | null {
  const { t } = useStore(wordsStore, (words) => words)
  const chosen = useStore(pageStore, (state) => state.head)
  if (props.heads.length < 2) return null
  return (
    <div class="segments" role="group" aria-label={t.household.meters}>
      {props.heads.map(({ head, medium, meterId }) => (
        <button
          key={head}
          type="button"
          aria-pressed={head === chosen}
          title={meterId}
          onClick={() => {
            selectHead(head)
          }}
        >
          {t.household.media[medium]}
        </button>
      ))}
    </div>
  )
}
