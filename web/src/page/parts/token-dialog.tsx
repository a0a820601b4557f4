import type { VNode } from 'preact'
import { useState } from 'preact/hooks'
import { SCOPES } from '../../api.ts'
import type { NewTokenAnswer, Scope } from '../../api.ts'
import { accessStore } from '../access.ts'
import { client } from '../client.ts'
import { useDeed } from '../deed.ts'
import { wordAccessRefusal } from '../logic/refusals.ts'
import { useStore } from '../store.ts'
import { fill } from '../texts/fill.ts'
import { wordsStore } from '../texts/index.ts'
import { Dialog } from './dialog.tsx'
import { TextField } from './field.tsx'

/** Characters of a token's name. */
const NAME_CHARS = 64

/** Days that a token is good for unless somebody types another number. */
const DAYS = '90'

/** Gives a program a way in; its secret is shown once, here. */
export function NewTokenDialog(props: { close: () => void }): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  const [made, setMade] = useState<NewTokenAnswer>()
  return (
    <Dialog title={t.access.addToken} close={props.close}>
      {made === undefined ? <TokenForm made={setMade} /> : <Secret token={made} />}
    </Dialog>
  )
}

function TokenForm(props: { made: (token: NewTokenAnswer) => void }): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  const own = useStore(accessStore, (access) => access.session?.scopes ?? [])
  const [name, setName] = useState('')
  const [days, setDays] = useState(DAYS)
  const [scopes, setScopes] = useState<readonly Scope[]>(['devices:read', 'readings:read'])
  const [refusal, act, refuse] = useDeed(() => undefined, wordAccessRefusal)
  // Nobody gives away what she has not, and no program decides who may ask.
  const offered = SCOPES.filter((scope) => scope !== 'access:admin' && own.includes(scope))
  const make = (): void => {
    const count = Number(days)
    if (!Number.isInteger(count) || count < 1 || count > 366) refuse(t.access.badDays)
    else if (scopes.length === 0) refuse(t.access.noScope)
    else
      act(async () => {
        props.made(await client.addToken({ name: name.trim(), scopes, days: count }))
      })
  }
  return (
    <form
      class="own-policy"
      onSubmit={(event) => {
        event.preventDefault()
        make()
      }}
    >
      <TextField
        label={t.access.program}
        value={name}
        set={setName}
        max={NAME_CHARS}
        input={{ name: 'token', autocomplete: 'off' }}
      />
      <TextField
        label={t.access.days}
        value={days}
        set={setDays}
        max={3}
        input={{ name: 'days', inputMode: 'numeric' }}
      />
      <fieldset class="choices">
        <legend>{t.access.scopes}</legend>
        {offered.map((scope) => (
          <label key={scope}>
            <input
              type="checkbox"
              name={scope}
              checked={scopes.includes(scope)}
              onChange={() => {
                const others = scopes.filter((each) => each !== scope)
                setScopes(others.length < scopes.length ? others : [...scopes, scope])
              }}
            />
            <span>
              {t.access.scopeWords[scope]} <code>{scope}</code>
            </span>
          </label>
        ))}
      </fieldset>
      <p class="refusal" role="alert">
        {refusal}
      </p>
      <button type="submit" class="button main">
        {t.access.addToken}
      </button>
    </form>
  )
}

function Secret(props: { token: NewTokenAnswer }): VNode {
  const { t, f } = useStore(wordsStore, (words) => words)
  const { secret, expiresMs } = props.token
  const [copied, setCopied] = useState(false)
  return (
    <>
      <p role="status">{fill(t.access.secretOnce, { date: f.date(expiresMs) })}</p>
      <pre class="hex secret">{secret}</pre>
      {/* A page without TLS may not touch the clipboard; the text can be selected all the same. */}
      {'clipboard' in navigator && (
        <button
          type="button"
          class="button"
          onClick={() => {
            navigator.clipboard.writeText(secret).then(
              () => {
                setCopied(true)
              },
              () => undefined,
            )
          }}
        >
          {copied ? t.access.copied : t.access.copy}
        </button>
      )}
    </>
  )
}
