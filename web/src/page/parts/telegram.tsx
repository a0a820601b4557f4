import type { VNode } from 'preact'
import { useMemo, useState } from 'preact/hooks'
import type { Journey, TelegramField } from '../../api.ts'
import { byteRuns } from '../logic/stations.ts'
import { useStore } from '../store.ts'
import { fill } from '../texts/fill.ts'
import { wordsStore } from '../texts/index.ts'
import { RegisterTable } from './registers.tsx'

/** The telegram's bytes, coloured by field, beside what they say; pointing at one shows the other. */
export function TelegramPanel(props: { journey: Journey }): VNode {
  const { t, f } = useStore(wordsStore, (words) => words)
  const { telegram, registers } = props.journey
  const [pointed, setPointed] = useState<number>()
  const runs = useMemo(() => byteRuns(telegram), [telegram.bytes, telegram.fields])
  const field = pointed === undefined ? undefined : telegram.fields[pointed]
  const kinds = [...new Set(telegram.fields.map((each) => each.kind))]
  const step = (by: number): void => {
    const next = (pointed ?? (by > 0 ? -1 : telegram.fields.length)) + by
    setPointed(Math.max(0, Math.min(telegram.fields.length - 1, next)))
  }
  if (telegram.bytes === '') {
    return (
      <div class="columns even">
        <p>{t.journey.noBytes}</p>
        <RegisterTable registers={registers} />
      </div>
    )
  }
  return (
    <div class="columns even">
      <div>
        <FieldSays field={field} />
        <div
          class="telegram"
          role="group"
          aria-label={`${t.journey.stations.telegram}: ${f.bytes(telegram.bytes.length / 2)}`}
          tabIndex={0}
          onMouseLeave={() => {
            setPointed(undefined)
          }}
          onKeyDown={(event) => {
            const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key]
            if (by === undefined) return
            event.preventDefault()
            step(by)
          }}
        >
          {runs.map((run) => {
            const kind = run.field === undefined ? 'plain' : telegram.fields[run.field]?.kind
            const on = run.field !== undefined && run.field === pointed ? 'on' : ''
            return (
              <span
                key={run.start}
                class={`run ${kind ?? 'plain'} ${on}`}
                onMouseEnter={() => {
                  setPointed(run.field)
                }}
              >
                {run.hex.join(' ')}{' '}
              </span>
            )
          })}
        </div>
        <ul class="legend">
          {kinds.map((kind) => (
            <li key={kind}>
              <span class={`key ${kind}`} /> {t.journey.kinds[kind]}
            </li>
          ))}
        </ul>
      </div>
      <div class="limited">
        <RegisterTable registers={registers} marked={field?.register} />
      </div>
    </div>
  )
}

/** What the pointed byte belongs to, in the standard's words and in ours. */
function FieldSays(props: { field: TelegramField | undefined }): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  const { field } = props
  if (field === undefined) {
    return (
      <p class="field-says quietly" aria-live="polite">
        {t.journey.hoverHint}
      </p>
    )
  }
  return (
    <p class="field-says" aria-live="polite">
      <span class={`key ${field.kind}`} /> <b>{field.label}</b>
      {field.value !== undefined && <> = {field.value}</>}{' '}
      <small>
        {t.journey.kinds[field.kind]}, {fill(t.journey.bytes, { count: field.end - field.start })}
      </small>
    </p>
  )
}
