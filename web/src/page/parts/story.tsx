import type { VNode } from 'preact'
import type { NetworkAnswer } from '../../api.ts'
import { isPause, tellStory } from '../logic/story.ts'
import type { Story } from '../logic/story.ts'
import { serverNowMs } from '../session.ts'
import { useStore } from '../store.ts'
import { fill } from '../texts/fill.ts'
import { wordsStore } from '../texts/index.ts'

/** Keeps the number of an AS on one line. */
const WORD_JOINER = '\u2060'

/** What happens in the network now, step by step, for somebody who never heard of SCION. */
export function StoryPanel(props: { network: NetworkAnswer }): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  const story = tellStory(props.network, serverNowMs())
  const isPlay = props.network.links.some((link) => link.switchable)
  return (
    <div class={`story ${story.kind}`}>
      <h3>{t.story.title}</h3>
      <div role="status">
        <ol>
          {useSentences(story, isPlay).map((sentence) => (
            <li key={sentence}>{sentence.replace(/(\d)-(?=[\da-f]+:)/g, `$1-${WORD_JOINER}`)}</li>
          ))}
        </ol>
      </div>
    </div>
  )
}

/** `isPlay`: the reader can cut and mend links herself. */
function useSentences(story: Story, isPlay: boolean): readonly string[] {
  const { t, f } = useStore(wordsStore, (words) => words)
  const via = f.list(story.via)
  const cut = f.list(story.cut.map(([a, b]) => fill(t.network.link, { a, b })))
  const ready = fill(t.story.ready, { count: f.integer(story.ready) })
  switch (story.kind) {
    case 'flowing':
      return [
        story.via.length === 0
          ? t.story.direct
          : fill(t.story.flowing, { via, span: f.span(story.roundTripMs ?? 0) }),
        ready,
        ...(isPlay ? [t.story.invite] : []),
      ]
    case 'spare':
      return [fill(t.story.cut, { cut }), fill(t.story.unhurt, { via }), ready]
    case 'stuck':
      return [
        cut === '' ? t.story.gone : fill(t.story.cut, { cut }),
        t.story.stuck,
        isPlay ? t.story.mend : t.story.patience,
      ]
    case 'moved': {
      const gapMs = story.failover?.gapMs
      return [
        cut === '' ? t.network.causes[story.failover?.cause ?? 'best'] : fill(t.story.cut, { cut }),
        gapMs === undefined
          ? fill(t.story.moving, { via })
          : !isPause(gapMs)
            ? fill(t.story.movedAtOnce, { via })
            : fill(t.story.moved, { via, span: f.span(gapMs) }),
        t.story.nothingLost,
      ]
    }
  }
}

/** What is different about this network, for who wants to know. */
export function WhatIsScion(): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  return (
    <details class="what-is">
      <summary>{t.story.whatIs}</summary>
      {t.story.scion.map((sentence) => (
        <p key={sentence}>{sentence}</p>
      ))}
    </details>
  )
}
