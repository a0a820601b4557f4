import type { VNode } from 'preact'
import { useState } from 'preact/hooks'
import { client } from '../client.ts'
import { useDeed } from '../deed.ts'
import { wordAccessRefusal } from '../logic/refusals.ts'
import { useStore } from '../store.ts'
import { wordsStore } from '../texts/index.ts'
import { Dialog } from './dialog.tsx'
import { TextField } from './field.tsx'

/** A new password of one's own; one's other sessions end with the old one. */
export function PasswordDialog(props: { name: string; close: () => void }): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  const [current, setCurrent] = useState('')
  const [next, setNext] = useState('')
  const [again, setAgain] = useState('')
  const [done, setDone] = useState(false)
  const [refusal, act, refuse] = useDeed(() => undefined, wordAccessRefusal)
  const differ = again !== '' && again !== next
  const change = async (): Promise<void> => {
    await client.changePassword({ current, next })
    setDone(true)
  }
  return (
    <Dialog title={t.access.ownPassword} close={props.close}>
      {done ? (
        <p role="status">{t.access.passwordChanged}</p>
      ) : (
        <form
          class="own-policy"
          onSubmit={(event) => {
            event.preventDefault()
            if (next === again) act(change)
            else refuse(t.access.differ)
          }}
        >
          {/* So that a password manager knows whose it is. */}
          <input name="name" autocomplete="username" value={props.name} readOnly hidden />
          <TextField
            label={t.access.current}
            value={current}
            set={setCurrent}
            input={{ name: 'current', isSecret: true, autocomplete: 'current-password' }}
          />
          <NewPassword label={t.access.next} value={next} set={setNext} />
          <TextField
            label={t.access.again}
            value={again}
            set={setAgain}
            input={{ name: 'again', isSecret: true, autocomplete: 'new-password' }}
          />
          <p class="refusal" role="alert">
            {refusal === '' && differ ? t.access.differ : refusal}
          </p>
          <button type="submit" class="button main">
            {t.access.changePassword}
          </button>
        </form>
      )}
    </Dialog>
  )
}

/** A password that somebody is about to have, and what is asked of it. */
export function NewPassword(props: {
  label: string
  value: string
  set: (value: string) => void
}): VNode {
  const { t } = useStore(wordsStore, (words) => words)
  return (
    <TextField
      {...props}
      hint={t.access.passwordRule}
      input={{ name: 'next', isSecret: true, autocomplete: 'new-password' }}
    />
  )
}
