import type { VNode } from 'preact'
import { useRef } from 'preact/hooks'
import type { ReadingView } from '../../api.ts'
import { hopsOf, pathName } from '../logic/paths.ts'
import { asName } from '../logic/story.ts'
import type { ProofStep, Verdict } from '../logic/verdict.ts'
import { useProof } from '../proofs.ts'
import type { Judged } from '../proofs.ts'
import { pageStore } from '../session.ts'
import { useStore } from '../store.ts'
import { fill } from '../texts/fill.ts'
import { wordsStore } from '../texts/index.ts'
import { wordFor } from '../texts/texts.ts'
import { Icon } from './icons.tsx'

const ICONS = { verified: 'check', pending: 'clock', failed: 'cross', unknown: 'question' } as const

/** What this browser found out about a reading itself, and on demand how. */
export function ProofMark(props: { reading: ReadingView }): VNode {
  const { t, f } = useStore(wordsStore, (words) => words)
  const dialog = useRef<HTMLDialogElement>(null)
  const judged = useProof(props.reading)
  if (judged === undefined) {
    return (
      <span class="proof checking" title={t.proof.checkingHint}>
        <Icon name="clock" size={16} />
        {t.proof.checking}
      </span>
    )
  }
  const { state } = judged.verdict
  const older = state === 'verified' && judged.reading.seq < props.reading.seq
  const label = older
    ? fill(t.proof.verifiedUntil, { time: f.clock(judged.reading.timeMs) })
    : t.proof[state]
  return (
    <>
      <button
        type="button"
        class={`proof ${state}`}
        title={`${t.proof[`${state}Hint`]} ${t.proof.show}`}
        onClick={() => dialog.current?.showModal()}
      >
        <Icon name={ICONS[state]} size={16} />
        {label}
      </button>
      <dialog
        class="explain"
        ref={dialog}
        aria-labelledby="proof-title"
        onClick={(event) => {
          if (event.target === dialog.current) dialog.current?.close()
        }}
      >
        <Explanation judged={judged} close={() => dialog.current?.close()} />
      </dialog>
    </>
  )
}

function Explanation(props: { judged: Judged; close: () => void }): VNode {
  const { t, f } = useStore(wordsStore, (words) => words)
  const { reading, verdict } = props.judged
  return (
    <div class="explain-body">
      <h2 id="proof-title" tabIndex={-1} autofocus>
        {t.proof.title}
      </h2>
      <p>{t.proof.intro}</p>
      <p class="explain-what">
        {f.dateTime(reading.timeMs)} ·{' '}
        {fill(t.journey.sequence, {
          stream: wordFor(t.streams, reading.stream) ?? reading.stream,
          seq: f.integer(reading.seq),
        })}
      </p>
      <ol class="steps">
        {verdict.steps.map((step) => (
          <Step key={step.code} step={step} />
        ))}
      </ol>
      {verdict.state !== 'verified' && <p class={`verdict ${verdict.state}`}>{explain(verdict)}</p>}
      <CameOver reading={reading} />
      <Bytes title={t.proof.publicKey} hex={verdict.publicKey} />
      <Bytes title={t.proof.signedBytes} hex={verdict.signedBytes} />
      <p class="explain-end">
        <button type="button" onClick={props.close}>
          {t.proof.close}
        </button>
      </p>
    </div>
  )
}

/** The way that the record came over, as the head-end saw it. */
function CameOver(props: { reading: ReadingView }): VNode | null {
  const { t } = useStore(wordsStore, (words) => words)
  const network = useStore(pageStore, (state) => state.network)
  const fingerprint = props.reading.path
  if (fingerprint === undefined) return null
  const path = network?.paths.find((each) => fingerprint.startsWith(each.id))
  const hops = network && path ? hopsOf(path).map((ia) => asName(network, ia)) : []
  return (
    <p>
      {fill(t.proof.path, { path: pathName(network, path?.id ?? fingerprint, t) })}{' '}
      {hops.length > 0 && <small>{hops.join(' › ')}</small>}
    </p>
  )
}

function explain(verdict: Verdict): string {
  const { t } = wordsStore.get()
  const hint = t.proof[`${verdict.state}Hint`]
  return verdict.reason === undefined ? hint : `${hint} (${verdict.reason})`
}

function Step(props: { step: ProofStep }): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  const { step } = props
  return (
    <li class={step.ok ? 'ok' : 'bad'}>
      <Icon name={step.ok ? 'check' : 'cross'} size={18} />
      <span>
        {fill(t.proof.steps[step.code], { count: step.count ?? 0 })}
        {step.detail !== undefined && <small>{step.detail}</small>}
      </span>
    </li>
  )
}

function Bytes(props: { title: string; hex: string | undefined }): VNode | null {
  if (props.hex === undefined) return null
  return (
    <details>
      <summary>{props.title}</summary>
      <pre class="hex" tabIndex={0}>
        {props.hex.replace(/(..)/g, '$1 ').trim()}
      </pre>
    </details>
  )
}
