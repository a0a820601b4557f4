import type { VNode } from 'preact'
import { useState } from 'preact/hooks'
import { accessStore, logOut } from '../access.ts'
import { useStore } from '../store.ts'
import { wordsStore } from '../texts/index.ts'
import { PasswordDialog } from './password-dialog.tsx'

/** Who is logged in, as what, and the way out. */
export function Account(): VNode | null {
  const { t } = useStore(wordsStore, (words) => words)
  const access = useStore(accessStore, (value) => value)
  const user = access.session?.user
  const [changing, setChanging] = useState(false)
  if (access.state !== 'in' || user === undefined) return null
  return (
    <span class="account">
      {access.session?.access === 'password' ? (
        <button
          type="button"
          class="quiet"
          title={t.access.ownPassword}
          onClick={() => {
            setChanging(true)
          }}
        >
          <b>{user.name}</b> <small>{t.login.roles[user.role]}</small>
        </button>
      ) : (
        <b>{t.login.owner}</b>
      )}
      <button type="button" class="quiet labelled" onClick={() => void logOut()}>
        {t.login.leave}
      </button>
      {changing && (
        <PasswordDialog
          name={user.name}
          close={() => {
            setChanging(false)
          }}
        />
      )}
    </span>
  )
}
