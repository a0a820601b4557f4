import type { VNode } from 'preact'
import { useState } from 'preact/hooks'
import { LOGIN_CHARS_MAX } from '../../api.ts'
import { accessStore, logIn } from '../access.ts'
import { ClientError } from '../client.ts'
import { TextField } from '../parts/field.tsx'
import { useStore } from '../store.ts'
import { fill } from '../texts/fill.ts'
import { wordsStore } from '../texts/index.ts'

/** The door: a name and a password, or the set-up code of a meter's own page. */
export function LoginView(): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  const { session, expired } = useStore(accessStore, (access) => access)
  const [name, setName] = useState('')
  const [secret, setSecret] = useState('')
  const [refusal, setRefusal] = useState('')
  const [busy, setBusy] = useState(false)
  const byCode = session?.access === 'code'
  const enter = async (): Promise<void> => {
    setBusy(true)
    try {
      await logIn(byCode ? { code: secret.trim() } : { name, password: secret })
    } catch (error) {
      setRefusal(wordRefusal(error, byCode))
      setSecret('')
    }
    setBusy(false)
  }
  return (
    <div class="view login-view">
      <form
        class="card login"
        onSubmit={(event) => {
          event.preventDefault()
          void enter()
        }}
      >
        <h1>{t.login.title}</h1>
        {expired && <p class="quietly">{t.login.expired}</p>}
        {byCode ? (
          <p class="quietly">{t.login.codeHelp}</p>
        ) : (
          <TextField
            label={t.login.name}
            value={name}
            set={setName}
            max={LOGIN_CHARS_MAX}
            input={{ name: 'name', autocomplete: 'username' }}
          />
        )}
        <TextField
          label={byCode ? t.login.code : t.login.password}
          value={secret}
          set={setSecret}
          max={LOGIN_CHARS_MAX}
          input={
            byCode
              ? { name: 'code', autocomplete: 'one-time-code' }
              : { name: 'password', isSecret: true, autocomplete: 'current-password' }
          }
        />
        <p class="refusal" role="alert">
          {refusal}
        </p>
        <button type="submit" class="button main" disabled={busy}>
          {t.login.enter}
        </button>
      </form>
    </div>
  )
}

function wordRefusal(error: unknown, byCode: boolean): string {
  const { t, f } = wordsStore.get()
  if (!(error instanceof ClientError)) return t.login.unreachable
  if (error.code === 'wrong_credentials') return byCode ? t.login.wrongCode : t.login.wrong
  if (error.code === 'too_many_attempts')
    return fill(t.login.tooMany, { span: f.span((error.retryAfterS ?? 60) * 1000) })
  return error.status === 0 ? t.login.unreachable : error.message
}
